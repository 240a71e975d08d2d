// SPDX-License-Identifier: Apache-2.0
//
// OTLP as OpenTelemetry publishes it: the decoder that protobufjs generated from its .proto files, which an earlier
// release of the transformer shipped.

import { createRequire } from 'node:module';

interface Decoder {
  decode(bytes: Uint8Array): unknown;
  toObject(message: unknown, options: object): unknown;
}

const root: unknown = createRequire(import.meta.url)('opentelemetry-published-schema/build/src/generated/root.js');
const { ExportTraceServiceRequest } = (
  root as {
    opentelemetry: { proto: { collector: { trace: { v1: { ExportTraceServiceRequest: Decoder } } } } };
  }
).opentelemetry.proto.collector.trace.v1;

/** A request with all fields, absent ones as their defaults. Throws when `bytes` are none. */
export function decodeBySchema(bytes: Uint8Array): unknown {
  const options = { longs: String, bytes: String, defaults: true };
  return ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(bytes), options);
}
