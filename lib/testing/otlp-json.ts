// SPDX-License-Identifier: Apache-2.0
//
// An export request in the shape of OTLP's JSON encoding (hex ids, 64-bit numbers as strings), which is what
// the receiver makes of either encoding, and its conversion to the flat spans that tests look at.

export interface OtlpValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number;
  readonly doubleValue?: number | string;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] };
  readonly kvlistValue?: { readonly values?: readonly OtlpAttribute[] };
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value?: OtlpValue;
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly OtlpAttribute[];
  readonly droppedAttributesCount?: number;
  readonly events?: readonly {
    readonly name?: string;
    readonly timeUnixNano?: string | number;
    readonly attributes?: readonly OtlpAttribute[];
  }[];
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes?: readonly OtlpAttribute[];
  }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** ExportTraceServiceRequest. */
export interface OtlpRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpAttribute[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string };
      readonly spans?: readonly OtlpSpan[];
    }[];
  }[];
}

export type AttributeValue = string | number | bigint | boolean | Uint8Array | null | AttributeValue[] | Attributes;
export interface Attributes {
  readonly [key: string]: AttributeValue;
}

/** One span as it arrived. Ids are lowercase hex. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' when the span has no parent. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** OTLP's numbers: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  readonly events: readonly { readonly name: string; readonly timeUnixNano: bigint; readonly attributes: Attributes }[];
  /** OTLP's codes: 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message: string };
  /** Attributes of the resource; one object for all spans of a request's resource. */
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
  /** Trace flags in the low byte; 0x100: it is known whether the parent is remote, 0x200: it is. */
  readonly flags: number;
}

/** The spans of one export request, in its order. */
export function spansOf(request: OtlpRequest): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
    const resourceAttributes = attributesOf(resource?.attributes);
    for (const { scope, spans: group } of scopeSpans ?? []) {
      const received = { name: scope?.name ?? '', version: scope?.version ?? '' };
      for (const span of group ?? []) spans.push(spanOf(span, resourceAttributes, received));
    }
  }
  return spans;
}

/** One span; throws when a field of it has a type or value that OTLP does not allow. */
export function spanOf(span: OtlpSpan, resource: Attributes, scope: ReceivedSpan['scope']): ReceivedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    traceState: span.traceState ?? '',
    name: span.name ?? '',
    kind: span.kind ?? 0,
    startTimeUnixNano: nanos(span.startTimeUnixNano),
    endTimeUnixNano: nanos(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      attributes: attributesOf(attributes),
    })),
    events: (span.events ?? []).map(({ name, timeUnixNano, attributes }) => ({
      name: name ?? '',
      timeUnixNano: nanos(timeUnixNano),
      attributes: attributesOf(attributes),
    })),
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    resource,
    scope,
    flags: span.flags ?? 0,
  };
}

/** Throws as `spanOf`. */
export function attributesOf(list: readonly OtlpAttribute[] | undefined): Attributes {
  return Object.fromEntries((list ?? []).map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: OtlpValue | undefined): AttributeValue {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.bytesValue !== undefined) return new Uint8Array(Buffer.from(value.bytesValue, 'base64'));
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.kvlistValue !== undefined) return attributesOf(value.kvlistValue.values);
  return null;
}

// A number where it is exact, else a bigint.
function integer(value: string | number): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : exact(value);
}

function nanos(value: string | number | undefined): bigint {
  return exact(value ?? 0);
}

// Nothing in OTLP has more than 20 digits, and making a bigint of a megabyte of them takes seconds.
function exact(value: string | number): bigint {
  if (String(value).length > 21) throw new RangeError('a number of more than 64 bits');
  return BigInt(value);
}
