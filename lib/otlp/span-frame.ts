// SPDX-License-Identifier: Apache-2.0
//
// The fields of a slice's span before and after what belongs to the slice itself: ids in front; links, counts, status and
// flags behind, which are the same for all. In words of four bytes where the fields allow it.

import type { ProtobufWriter } from '../protobuf/writer';

/** Most bytes of the span's own tag and length, of the ids and of the two times with their tags. */
export const HEAD_BYTES = 4 + 18 + 10 + 10 + 18;
/** Most bytes that `writeTail` writes. */
export const TAIL_BYTES = 16 + 37;

const SPAN = 0x12; // ScopeSpans.spans, a message

/**
 * Opens a span with its ids, and unless it is 0 its parent's: int32 words in memory order from `ids[at]` on, in the order of
 * a slot. `isLong`: its length will probably take two bytes.
 */
export function openSpan(writer: ProtobufWriter, ids: Int32Array, at: number, isLong: boolean): number {
  const { view, at: begun } = writer;
  view.setUint8(begun, SPAN);
  const next = begun + (isLong ? 3 : 2);
  view.setInt16(next, 0x100a, true); // trace_id, 16 bytes
  view.setInt32(next + 2, ids[at]!, true);
  view.setInt32(next + 6, ids[at + 1]!, true);
  view.setInt32(next + 10, ids[at + 2]!, true);
  view.setInt32(next + 14, ids[at + 3]!, true);
  view.setInt16(next + 18, 0x0812, true); // span_id, 8 bytes
  view.setInt32(next + 20, ids[at + 4]!, true);
  view.setInt32(next + 24, ids[at + 5]!, true);
  const parentLow = ids[at + 6]!;
  const parentHigh = ids[at + 7]!;
  writer.at = next + 28;
  if ((parentLow | parentHigh) === 0) return begun;
  view.setInt16(next + 28, 0x0822, true); // parent_span_id, 8 bytes
  view.setInt32(next + 30, parentLow, true);
  view.setInt32(next + 34, parentHigh, true);
  writer.at = next + 38;
  return begun;
}

/** Writes the length; true: it took two bytes or more. */
export function closeSpan(writer: ProtobufWriter, begun: number, isLong: boolean): boolean {
  const at = begun + 1;
  if (!isLong) {
    writer.end(at);
    return writer.bytes[at]! >= 0x80;
  }
  const length = writer.at - at - 2;
  if (length < 0x80 || length >= 0x4000) {
    writer.widen(at, 2, length);
    return length >= 0x80;
  }
  writer.bytes[at] = (length & 0x7f) | 0x80;
  writer.bytes[at + 1] = length >>> 7;
  return true;
}

/** Start, whose tag is the last byte of what lies before, and end. */
export function writeTimes(writer: ProtobufWriter, start: Uint32Array, end: Uint32Array): void {
  const { view, at } = writer;
  view.setUint32(at, start[0]!, true);
  view.setUint32(at + 4, start[1]!, true);
  view.setUint8(at + 8, 0x41); // end_time_unix_nano
  view.setUint32(at + 9, end[0]!, true);
  view.setUint32(at + 13, end[1]!, true);
  writer.at = at + 17;
}

/** Everything behind the attributes, without a link. */
export function writeTail(writer: ProtobufWriter): void {
  writer.word(0x0060_0050); // nothing dropped: attributes, events
  writeEnd(writer);
}

/** The same with a link to the span whose trace id is given as four words from `words[trace]`. */
export function writeLinkedTail(
  writer: ProtobufWriter,
  words: Int32Array,
  trace: number,
  low: number,
  high: number,
): void {
  const { view, at } = writer;
  view.setInt32(at, 0x0060_0050, true);
  view.setInt16(at + 4, 0x236a, true); // links, 35 bytes
  view.setInt16(at + 6, 0x100a, true);
  view.setInt32(at + 8, words[trace]!, true);
  view.setInt32(at + 12, words[trace + 1]!, true);
  view.setInt32(at + 16, words[trace + 2]!, true);
  view.setInt32(at + 20, words[trace + 3]!, true);
  view.setInt16(at + 24, 0x0812, true);
  view.setInt32(at + 26, low, true);
  view.setInt32(at + 30, high, true);
  view.setInt16(at + 34, 0x0028, true); // no attributes dropped
  view.setUint8(at + 36, 0x35); // flags: sampled, and it is known that it is not remote
  view.setInt32(at + 37, 0x0000_0101, true);
  writer.at = at + 41;
  writeEnd(writer);
}

/** Of the span whose tail was just written: its parent lives in another process. */
export function markRemoteParent(writer: ProtobufWriter): void {
  writer.view.setInt32(writer.at - 4, 0x0000_0301, true);
}

function writeEnd(writer: ProtobufWriter): void {
  const { view, at } = writer;
  view.setInt32(at, 0x027a_0070, true); // no links dropped; status, 2 bytes
  view.setInt32(at + 4, 0x0185_0018, true); // unset; flags
  view.setInt32(at + 8, 0x0000_0101, true); // as above
  writer.at = at + 12;
}
