// SPDX-License-Identifier: Apache-2.0
//
// How many spans an ExportTraceServiceRequest has, by its field numbers alone: the receiver must not become what is
// measured, and a decoder of gpuspan's must not vouch for its encoder.

/** Field 1 of a request is resource_spans, field 2 of that scope_spans, field 2 of that spans. */
const PATH = [1, 2, 2];

/** @param {Buffer} bytes a request in OTLP protobuf */
export function countSpans(bytes) {
  return countAt(bytes, 0, bytes.length, 0);
}

function countAt(bytes, start, end, depth) {
  let spans = 0;
  let at = start;
  while (at < end) {
    const [tag, after] = readVarint(bytes, at);
    const wireType = tag & 7;
    if (wireType === 1) at = after + 8;
    else if (wireType === 5) at = after + 4;
    else if (wireType === 0) [, at] = readVarint(bytes, after);
    else if (wireType === 2) {
      const [length, content] = readVarint(bytes, after);
      if (tag >> 3 === PATH[depth]) {
        spans += depth === PATH.length - 1 ? 1 : countAt(bytes, content, content + length, depth + 1);
      }
      at = content + length;
    } else throw new Error(`no OTLP protobuf: wire type ${wireType} at byte ${at}`);
  }
  if (at !== end) throw new Error('no OTLP protobuf: a field runs over its message');
  return spans;
}

/** Of lengths and tags: below 2^53. */
function readVarint(bytes, start) {
  let value = 0;
  let factor = 1;
  for (let at = start; at < bytes.length; at++) {
    value += (bytes[at] & 0x7f) * factor;
    if (bytes[at] < 0x80) return [value, at + 1];
    factor *= 128;
  }
  throw new Error('no OTLP protobuf: it ends within a number');
}
