// SPDX-License-Identifier: Apache-2.0
//
// The hot path from ring to bytes: the ring reader's current record as an OTLP span, without any object between. It
// takes slices that have nothing but attributes, which are nearly all; what else a record can say (events, an exception,
// notes) it declines, and the caller goes through a span object. Order of fields and explicit zeros are the official
// serializer's, so that bytes can be compared.

import { FLAG, KIND, SLOT_WORD } from '../segment/layout';
import type { BatchEntry } from '../segment/members';
import type { RingReader } from '../segment/ring-reader';
import type { BatchMembers, BatchSlice } from '../spans/batch-members';
import type { RecordClock } from '../spans/record-clock';
import type { RecordParts } from '../spans/record-pipeline';
import type { AttributeEncoder } from './attribute-encoder';
import { GpuEncoder } from './gpu-encoder';
import { MemberEncoder } from './member-encoder';
import type { Names, StageName } from './names';
import type { RequestCutter } from './requests';
import { closeSpan, HEAD_BYTES, openSpan, TAIL_BYTES, writeLinkedTail, writeTail, writeTimes } from './span-frame';
import { FRAGMENT_SLACK, putFragment } from '../protobuf/fragment';
import type { ProtobufWriter } from '../protobuf/writer';

const NOTED = FLAG.dropped | FLAG.unfinished | FLAG.truncated;

export class SliceEncoder {
  private readonly ring: RingReader;
  private readonly clock: RecordClock;
  private readonly members: BatchMembers;
  private readonly writer: ProtobufWriter;
  private readonly gpu: GpuEncoder;
  private readonly copies: MemberEncoder;
  private readonly start = new Uint32Array(2);
  private readonly end = new Uint32Array(2);

  constructor(
    { ring, clock, members }: RecordParts,
    private readonly names: Names,
    private readonly attributes: AttributeEncoder,
    private readonly requests: RequestCutter,
  ) {
    this.ring = ring;
    this.clock = clock;
    this.members = members;
    this.writer = requests.writer;
    this.gpu = new GpuEncoder(ring, names, clock, attributes);
    this.copies = new MemberEncoder(ring, members, attributes, requests);
  }

  /** Writes the current record's spans; how many. 0: it declines, and nothing is written. */
  encode(): number {
    const { kind, flags } = this.ring;
    if ((flags & NOTED) !== 0) return 0;
    this.clock.useOwnTrace();
    switch (kind) {
      case KIND.hostSlice:
        return this.slice() ? 1 : 0;
      case KIND.gpuSlice:
        return this.slice() ? 1 : 0;
      case KIND.batchSlice:
      case KIND.batchGpuSlice:
        return this.clock.isOne ? this.batchSlice() : 0;
      default:
        return 0;
    }
  }

  private slice(): boolean {
    const stage = this.names.stage(this.ring.stage);
    const begun = this.begin(stage);
    if (!this.writeOwn(stage)) {
      this.writer.at = begun;
      return false;
    }
    this.finish(stage, begun);
    return true;
  }

  private batchSlice(): number {
    const { writer } = this;
    const stage = this.names.stage(this.ring.stage);
    const begun = this.begin(stage);
    const shared = writer.at;
    if (!this.writeOwn(stage)) {
      writer.at = begun;
      return 0;
    }
    const entry = this.entry();
    if (entry === undefined) {
      this.finish(stage, begun);
      return 1;
    }
    this.copies.keep(shared);
    this.finish(stage, begun);
    return 1 + this.copies.encode(this.batchSliceOf(stage), entry);
  }

  private begin(stage: StageName): number {
    const { words, base } = this.ring;
    const { writer } = this;
    writer.reserve(HEAD_BYTES + stage.encoded.length + FRAGMENT_SLACK);
    return openSpan(writer, words, base + SLOT_WORD.traceId, stage.isLong);
  }

  // What the slice has in the traces of its batch's members too.
  private writeOwn(stage: StageName): boolean {
    const { writer, clock, start, end } = this;
    putFragment(writer, stage.encoded);
    clock.putTimes(start, end);
    writeTimes(writer, start, end);
    this.attributes.begin();
    if (!this.attributes.encode(this.ring.payloadStart)) return false;
    const { kind } = this.ring;
    if (kind !== KIND.gpuSlice && kind !== KIND.batchGpuSlice) return true;
    const { gpuAt } = this.attributes;
    return gpuAt !== 0 && this.gpu.encode(gpuAt, start);
  }

  private finish(stage: StageName, begun: number): void {
    const { writer, ring } = this;
    const { words, base } = ring;
    const tail = base + SLOT_WORD.tail;
    const isLinked =
      ring.kind === KIND.hostSlice && (ring.flags & FLAG.firstLevel) !== 0 && (words[tail]! | words[tail + 1]!) !== 0;
    writer.reserve(TAIL_BYTES);
    if (isLinked) writeLinkedTail(writer, words, base + SLOT_WORD.traceId, words[tail]!, words[tail + 1]!);
    else writeTail(writer);
    stage.isLong = closeSpan(writer, begun, stage.isLong);
    this.requests.spanWritten();
  }

  private entry(): BatchEntry | undefined {
    if (this.ring.kind === KIND.batchSlice) return this.members.findOwn();
    const at = this.attributes.batchRefAt;
    const { view } = this.ring;
    if (at === 0) return undefined;
    return this.members.find(view.getUint16(at, true), view.getUint16(at + 2, true), view.getUint32(at + 4, true));
  }

  private batchSliceOf({ level }: StageName): BatchSlice {
    if (this.ring.kind === KIND.batchSlice) return { level, since: this.clock.start() };
    const at = this.attributes.gpuAt;
    const { view } = this.ring;
    return { level, since: this.clock.at(view.getUint32(at, true), view.getUint32(at + 4, true), true) };
  }
}
