// SPDX-License-Identifier: Apache-2.0
//
// Decodes OTLP's protobuf encoding with protobufjs, from a description of the messages we need (opentelemetry-proto
// trace/v1, collector/trace/v1, common/v1, resource/v1: published field numbers). Only the test receiver uses
// it; unknown fields are skipped.
import { Root } from 'protobufjs/light';
import type { OtlpRequest } from './otlp-json';

interface Field {
  type: string;
  id: number;
  rule?: string;
}

function one(type: string, id: number): Field {
  return { type, id };
}

function many(type: string, id: number): Field {
  return { rule: 'repeated', type, id };
}

const MESSAGES = {
  ExportTraceServiceRequest: { fields: { resourceSpans: many('ResourceSpans', 1) } },
  ResourceSpans: {
    fields: { resource: one('Resource', 1), scopeSpans: many('ScopeSpans', 2), schemaUrl: one('string', 3) },
  },
  Resource: { fields: { attributes: many('KeyValue', 1), droppedAttributesCount: one('uint32', 2) } },
  ScopeSpans: { fields: { scope: one('Scope', 1), spans: many('Span', 2), schemaUrl: one('string', 3) } },
  Scope: { fields: { name: one('string', 1), version: one('string', 2), attributes: many('KeyValue', 3) } },
  Span: {
    fields: {
      traceId: one('bytes', 1),
      spanId: one('bytes', 2),
      traceState: one('string', 3),
      parentSpanId: one('bytes', 4),
      name: one('string', 5),
      kind: one('int32', 6),
      startTimeUnixNano: one('fixed64', 7),
      endTimeUnixNano: one('fixed64', 8),
      attributes: many('KeyValue', 9),
      droppedAttributesCount: one('uint32', 10),
      events: many('Event', 11),
      droppedEventsCount: one('uint32', 12),
      links: many('Link', 13),
      droppedLinksCount: one('uint32', 14),
      status: one('Status', 15),
      flags: one('fixed32', 16),
    },
  },
  Event: {
    fields: {
      timeUnixNano: one('fixed64', 1),
      name: one('string', 2),
      attributes: many('KeyValue', 3),
      droppedAttributesCount: one('uint32', 4),
    },
  },
  Link: {
    fields: {
      traceId: one('bytes', 1),
      spanId: one('bytes', 2),
      traceState: one('string', 3),
      attributes: many('KeyValue', 4),
      droppedAttributesCount: one('uint32', 5),
      flags: one('fixed32', 6),
    },
  },
  Status: { fields: { message: one('string', 2), code: one('int32', 3) } },
  KeyValue: { fields: { key: one('string', 1), value: one('AnyValue', 2) } },
  AnyValue: {
    oneofs: {
      value: {
        oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'],
      },
    },
    fields: {
      stringValue: one('string', 1),
      boolValue: one('bool', 2),
      intValue: one('int64', 3),
      doubleValue: one('double', 4),
      arrayValue: one('ArrayValue', 5),
      kvlistValue: one('KeyValueList', 6),
      bytesValue: one('bytes', 7),
    },
  },
  ArrayValue: { fields: { values: many('AnyValue', 1) } },
  KeyValueList: { fields: { values: many('KeyValue', 1) } },
};

const requestType = Root.fromJSON({ nested: MESSAGES }).lookupType('ExportTraceServiceRequest');

const IDS: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId']);

/** Throws when `bytes` are not an ExportTraceServiceRequest. */
export function decodeRequest(bytes: Uint8Array): OtlpRequest {
  const plain: unknown = requestType.toObject(requestType.decode(bytes), { longs: String });
  return asJson('', plain) as OtlpRequest;
}

// Ids are hex in OTLP's JSON, other bytes base64.
function asJson(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString(IDS.has(key) ? 'hex' : 'base64');
  if (Array.isArray(value)) return value.map((item) => asJson(key, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asJson(name, item)]));
}
