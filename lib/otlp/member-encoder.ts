// SPDX-License-Identifier: Apache-2.0
//
// A batch slice in the traces of its members: ids of their own, then the bytes that the slice's span in the batch's trace
// has, then their values of the columns. The slice encoder has just written that span.

import { SLOT_WORD } from '../segment/layout';
import type { BatchEntry, BatchMember } from '../segment/members';
import { columnValue } from '../segment/payload';
import type { RingReader } from '../segment/ring-reader';
import type { BatchMembers, BatchSlice } from '../spans/batch-members';
import type { AttributeEncoder } from './attribute-encoder';
import type { RequestCutter } from './requests';
import { closeSpan, HEAD_BYTES, openSpan, TAIL_BYTES, writeLinkedTail } from './span-frame';

const FIRST_BYTES = 1024;
// In `ids`, which are as a slot has them.
const SPAN_ID = SLOT_WORD.spanId - SLOT_WORD.traceId;
const PARENT_ID = SLOT_WORD.parentSpanId - SLOT_WORD.traceId;

export class MemberEncoder {
  private kept = Buffer.alloc(FIRST_BYTES);
  private shared: Uint8Array = this.kept;
  private entry: BatchEntry | undefined;
  private readonly ids = new Int32Array(SLOT_WORD.tail - SLOT_WORD.traceId);
  private written = 0;
  private isLong = true;

  constructor(
    private readonly ring: RingReader,
    private readonly members: BatchMembers,
    private readonly attributes: AttributeEncoder,
    private readonly requests: RequestCutter,
  ) {}

  /** Keeps the bytes from `from` on, from name to attributes: the request they are in may be closed between members. */
  keep(from: number): void {
    const { bytes, at } = this.requests.writer;
    const length = at - from;
    if (this.kept.length < length) this.kept = Buffer.alloc(length * 2);
    bytes.copy(this.kept, 0, from, at);
    this.shared = this.kept.subarray(0, length);
  }

  /** How many spans it wrote. */
  encode(slice: BatchSlice, entry: BatchEntry): number {
    this.entry = entry;
    this.written = 0;
    this.members.forEach(slice, entry, this.write);
    return this.written;
  }

  private readonly write = (member: BatchMember, index: number): void => {
    const { shared, members, ring, requests, ids } = this;
    const { id, parent } = members;
    const { writer } = requests;
    ids.set(member.trace);
    ids.set(id, SPAN_ID);
    ids.set(parent, PARENT_ID);
    writer.reserve(HEAD_BYTES + shared.length);
    const begun = openSpan(writer, ids, 0, this.isLong);
    writer.bytes.set(shared, writer.at);
    writer.at += shared.length;
    this.writeColumns(index);
    writer.reserve(TAIL_BYTES);
    const { spanLow, spanHigh } = this.entry!;
    writeLinkedTail(writer, ring.words, ring.base + SLOT_WORD.traceId, spanLow, spanHigh);
    this.isLong = closeSpan(writer, begun, this.isLong);
    this.written += 1;
    requests.spanWritten();
  };

  private writeColumns(member: number): void {
    for (const column of this.attributes.columns) {
      const value = columnValue(this.ring.view, column, member);
      if (value !== undefined) this.attributes.number(column.key, value);
    }
  }
}
