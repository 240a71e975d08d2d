// SPDX-License-Identifier: Apache-2.0
//
// Puts a record's fields into the trace writer's open event. Used by the sweep and its tracks.
import { FIELD_BYTES, type TraceWriter } from '../../perfetto/trace-writer';

export function copyFields({ out }: TraceWriter, fields: Buffer): void {
  out.reserve(fields.length + FIELD_BYTES);
  fields.copy(out.bytes, out.at);
  out.at += fields.length;
}
