// SPDX-License-Identifier: Apache-2.0
//
// Root and worker spans as the slice encoder does slices: the ring reader's current record as an OTLP span, without any
// object between. A short request has nearly as many of them as it has slices. It declines what has more than attributes
// to tell (losses, a tracestate, a step of the clock), and batch spans.

import type { LaneCursor } from '../segment/lane';
import { FLAG, ITEM, KIND, SLOT_WORD } from '../segment/layout';
import type { RingReader } from '../segment/ring-reader';
import { DEFAULT_ROOT_NAME } from '../spans/assemble';
import type { RecordClock } from '../spans/record-clock';
import type { RecordParts } from '../spans/record-pipeline';
import { type WorkerDescription, WorkerDescriptions } from '../spans/worker-attributes';
import { type Fragment, FRAGMENT_SLACK, makeFragment, putFragment } from '../protobuf/fragment';
import type { ProtobufWriter } from '../protobuf/writer';
import type { AttributeEncoder } from './attribute-encoder';
import { encodeName, type Key, type Names, SPAN_KIND, writeKind } from './names';
import type { RequestCutter } from './requests';
import { closeSpan, HEAD_BYTES, markRemoteParent, openSpan, TAIL_BYTES, writeTail, writeTimes } from './span-frame';
import { writeAttributes } from './values';

const NOTED = FLAG.dropped | FLAG.unfinished | FLAG.truncated | FLAG.expired;
const ATTRIBUTES = 9;
// Of a name's text; of what is around it: its tag and length, the kind, the tag of the start time.
const MAX_NAME_BYTES = 255 + 6;

/** What all worker spans of a lane have, encoded. */
interface Worker {
  readonly name: Fragment;
  readonly attributes: Fragment;
  readonly keys: readonly Key[];
}

export class OwnerEncoder {
  private readonly ring: RingReader;
  private readonly clock: RecordClock;
  private readonly writer: ProtobufWriter;
  private readonly descriptions: WorkerDescriptions;
  private readonly workers = new WeakMap<WorkerDescription, Worker>();
  private readonly unnamed = encodeName(DEFAULT_ROOT_NAME, SPAN_KIND.internal);
  private readonly unnamedServer = encodeName(DEFAULT_ROOT_NAME, SPAN_KIND.server);
  private readonly level: Key;
  private readonly start = new Uint32Array(2);
  private readonly end = new Uint32Array(2);

  constructor(
    { ring, dictionary, clock }: RecordParts,
    private readonly names: Names,
    private readonly attributes: AttributeEncoder,
    private readonly requests: RequestCutter,
  ) {
    this.ring = ring;
    this.clock = clock;
    this.writer = requests.writer;
    this.descriptions = new WorkerDescriptions(dictionary);
    this.level = names.ownKey('gpuspan.request.level');
  }

  /** Writes the current record's span; 0: it declines, and nothing is written. */
  encode(lane: LaneCursor): number {
    const { writer, ring, clock } = this;
    const { words, base, kind, flags } = ring;
    if (kind === KIND.batch || (flags & NOTED) !== 0 || clock.hasSteps) return 0;
    clock.useOwnTrace();
    clock.putTimes(this.start, this.end);
    this.attributes.begin();
    writer.reserve(HEAD_BYTES);
    const begun = openSpan(writer, words, base + SLOT_WORD.traceId, true);
    if (!(kind === KIND.root ? this.root() : this.worker(lane)) || !this.attributes.isNew(this.level)) {
      writer.at = begun;
      return 0;
    }
    this.attributes.number(this.level, (words[base + SLOT_WORD.tail]! >>> 16) & 0xff);
    writer.reserve(TAIL_BYTES);
    writeTail(writer);
    if (this.isBelowRemote()) markRemoteParent(writer);
    closeSpan(writer, begun, true);
    this.requests.spanWritten();
    return 1;
  }

  private root(): boolean {
    const { ring, writer, attributes } = this;
    const { payloadStart: from, payloadEnd: end } = ring;
    writer.reserve(MAX_NAME_BYTES + FRAGMENT_SLACK);
    // A name is the first item.
    const isNamed = from + 1 < end && ring.bytes[from] === ITEM.name;
    const items = isNamed ? from + 2 + ring.bytes[from + 1]! : from;
    if (items > end) return false;
    if (isNamed) {
      writer.tag(5, 2);
      attributes.copyText(from + 2, items);
      writer.reserve(HEAD_BYTES);
      writeKind(writer, this.isRemote() ? SPAN_KIND.server : SPAN_KIND.internal);
    } else putFragment(writer, this.isRemote() ? this.unnamedServer : this.unnamed);
    writer.reserve(HEAD_BYTES);
    writeTimes(writer, this.start, this.end);
    return attributes.encode(items);
  }

  private worker(lane: LaneCursor): boolean {
    const { writer, attributes } = this;
    const { name, attributes: own, keys } = this.workerOf(lane);
    writer.reserve(name.length + own.length + FRAGMENT_SLACK + HEAD_BYTES);
    putFragment(writer, name);
    writeTimes(writer, this.start, this.end);
    putFragment(writer, own);
    for (const key of keys) if (!attributes.isNew(key)) return false;
    return attributes.encode(this.ring.payloadStart);
  }

  private workerOf(lane: LaneCursor): Worker {
    const description = this.descriptions.of(lane);
    const known = this.workers.get(description);
    if (known !== undefined) return known;
    const worker = {
      name: encodeName(description.name, SPAN_KIND.internal),
      attributes: makeFragment((writer) => writeAttributes(writer, description.attributes, ATTRIBUTES)),
      keys: Object.keys(description.attributes).map((key) => this.names.ownKey(key)),
    };
    this.workers.set(description, worker);
    return worker;
  }

  private isRemote(): boolean {
    return this.ring.kind === KIND.root && (this.ring.flags & FLAG.remoteParent) !== 0;
  }

  private isBelowRemote(): boolean {
    const { words, base } = this.ring;
    const parent = base + SLOT_WORD.parentSpanId;
    return this.isRemote() && (words[parent]! | words[parent + 1]!) !== 0;
  }
}
