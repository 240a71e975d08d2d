// SPDX-License-Identifier: Apache-2.0
//
// The pause that a gRPC receiver asks for: google.rpc.RetryInfo in the details of a status, which is to gRPC what
// Retry-After is to HTTP. Used by responses.ts, on the thread that reads the segment.
import { Reader } from 'protobufjs/minimal';

const DETAILS = 'grpc-status-details-bin';
const RETRY_INFO = 'google.rpc.RetryInfo';

// Field numbers of google.rpc.Status, google.protobuf.Any, google.rpc.RetryInfo and google.protobuf.Duration.
const STATUS_DETAILS = 3;
const ANY_TYPE = 1;
const ANY_VALUE = 2;
const RETRY_DELAY = 1;
const SECONDS = 1;
const NANOS = 2;

/** Milliseconds; undefined where the error does not say, or says it in a way that cannot be read. */
export function retryInfoMillis(error: unknown): number | undefined {
  const { metadata } = (error ?? {}) as { metadata?: { get?(name: string): unknown[] } };
  const details = metadata?.get?.(DETAILS)?.[0];
  if (!(details instanceof Uint8Array)) return undefined;
  try {
    for (const any of fieldsOf(details, STATUS_DETAILS)) {
      const [type] = fieldsOf(any, ANY_TYPE);
      if (
        !Buffer.from(type ?? [])
          .toString()
          .endsWith(`/${RETRY_INFO}`)
      )
        continue;
      const [info = new Uint8Array()] = fieldsOf(any, ANY_VALUE);
      const [delay] = fieldsOf(info, RETRY_DELAY);
      return delay === undefined ? 0 : durationMillis(delay);
    }
  } catch {
    // Truncated or no protobuf.
  }
  return undefined;
}

/** Values of a length-delimited field. */
function fieldsOf(message: Uint8Array, field: number): Uint8Array[] {
  const reader = Reader.create(message);
  const values: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((field << 3) | 2)) values.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return values;
}

function durationMillis(message: Uint8Array): number {
  const reader = Reader.create(message);
  let millis = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === SECONDS << 3) millis += Number(reader.int64()) * 1e3;
    else if (tag === NANOS << 3) millis += reader.int32() / 1e6;
    else reader.skipType(tag & 7);
  }
  return Math.max(0, millis);
}
