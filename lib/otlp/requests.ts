// SPDX-License-Identifier: Apache-2.0
//
// Cuts a stream of encoded spans into export requests of bounded size. Resource and scope are encoded once; a request's
// header is put before its spans when it is complete, because only then its lengths are known.

import type { SpanOrigin } from '../spans/gpuspan-span';
import { type OtlpRequest, RequestMemory } from './request-memory';
import { writeAttributes } from './values';
import { ProtobufWriter, varintSize } from '../protobuf/writer';

/**
 * Spans a request. Four times OTEL_BSP_MAX_EXPORT_BATCH_SIZE's default: what an HTTP request costs besides its bytes is most of
 * what delivery costs a busy process. MAX_REQUEST_BYTES keeps one with much in its spans below what receivers take.
 */
export const MAX_REQUEST_SPANS = 2048;
/** A request is closed when it is so large; receivers by gRPC take 4 MiB unless told otherwise. */
export const MAX_REQUEST_BYTES = 2 * 2 ** 20;

export class RequestCutter {
  readonly writer = new ProtobufWriter();
  private readonly resource: Uint8Array;
  private readonly scope: Uint8Array;
  private readonly resourceEnd: Uint8Array;
  private readonly scopeEnd: Uint8Array;
  /** Where the spans begin; the header goes before it. */
  private readonly first: number;
  private readonly memory = new RequestMemory();
  private spans = 0;
  private requests: OtlpRequest[] = [];

  constructor(origin: SpanOrigin) {
    this.resource = encoded((writer) => writeResource(writer, origin));
    this.scope = encoded((writer) => writeScope(writer, origin));
    this.resourceEnd = encoded((writer) => writeSchemaUrl(writer, origin.resource.schemaUrl));
    this.scopeEnd = encoded((writer) => writeSchemaUrl(writer, origin.scope.schemaUrl));
    this.first = this.resource.length + this.scope.length + 2 * (1 + 5);
    this.writer.reserve(this.first);
    this.writer.at = this.first;
  }

  /** One more span lies complete in the writer. */
  spanWritten(): void {
    this.spans += 1;
    if (this.spans >= MAX_REQUEST_SPANS || this.writer.at >= MAX_REQUEST_BYTES) this.close();
  }

  /** The requests since the last call, the last one closed. */
  take(): OtlpRequest[] {
    if (this.spans > 0) this.close();
    const { requests } = this;
    this.requests = [];
    return requests;
  }

  private close(): void {
    const { writer, scope, resource, scopeEnd, resourceEnd } = this;
    writer.copy(scopeEnd);
    const scopeLength = scope.length + writer.at - this.first;
    writer.copy(resourceEnd);
    const end = writer.at;
    const inner = 1 + varintSize(scopeLength) + scopeLength + resource.length + resourceEnd.length;
    writer.at = end - inner - 1 - varintSize(inner);
    const begin = writer.at;
    writer.tag(1, 2);
    writer.varint(inner);
    writer.copy(resource);
    writer.tag(2, 2);
    writer.varint(scopeLength);
    writer.copy(scope);
    // A copy: the request lives until it is answered, and this buffer is written on at once.
    this.requests.push(this.memory.make(writer.bytes.subarray(begin, end), this.spans));
    this.spans = 0;
    writer.at = this.first;
  }
}

function encoded(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter();
  write(writer);
  return Uint8Array.prototype.slice.call(writer.bytes, 0, writer.at);
}

function writeResource(writer: ProtobufWriter, { resource }: SpanOrigin): void {
  writer.tag(1, 2);
  const begun = writer.begin();
  writeAttributes(writer, resource.attributes, 1);
  writer.reserve(2);
  writer.tag(2, 0);
  writer.varint(0);
  writer.end(begun);
}

function writeScope(writer: ProtobufWriter, { scope }: SpanOrigin): void {
  writer.tag(1, 2);
  const begun = writer.begin();
  writer.tag(1, 2);
  writer.text(scope.name);
  if (scope.version !== undefined && scope.version !== '') {
    writer.tag(2, 2);
    writer.text(scope.version);
  }
  writer.end(begun);
}

function writeSchemaUrl(writer: ProtobufWriter, url: string | undefined): void {
  if (url === undefined || url === '') return;
  writer.tag(3, 2);
  writer.text(url);
}
