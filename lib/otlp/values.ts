// SPDX-License-Identifier: Apache-2.0
//
// OTLP's KeyValue and AnyValue, as the official serializer writes them. Used for what is not on the hot path: spans that
// need an object, the resource and the scope.

import { type ProtobufWriter, VARINT_BYTES } from '../protobuf/writer';

type Values = Readonly<Record<string, unknown>>;

export function writeAttributes(writer: ProtobufWriter, attributes: Values, field: number): void {
  for (const key of Object.keys(attributes)) {
    writer.reserve(2);
    writer.tag(field, 2);
    const begun = writer.begin();
    writer.reserve(1);
    writer.tag(1, 2);
    writer.text(key);
    writer.reserve(1);
    writer.tag(2, 2);
    writeValue(writer, attributes[key]);
    writer.end(begun);
  }
}

/** Length and message; what OTLP has no type for is an empty one. */
export function writeValue(writer: ProtobufWriter, value: unknown): void {
  const begun = writer.begin();
  writer.reserve(1 + VARINT_BYTES);
  if (typeof value === 'number') writer.numberValue(value);
  else if (typeof value === 'string') {
    writer.tag(1, 2);
    writer.text(value);
  } else if (typeof value === 'boolean') {
    writer.tag(2, 0);
    writer.varint(value ? 1 : 0);
  } else if (Array.isArray(value)) writeArray(writer, value);
  writer.end(begun);
}

function writeArray(writer: ProtobufWriter, values: readonly unknown[]): void {
  writer.tag(5, 2);
  const begun = writer.begin();
  for (const value of values) {
    writer.reserve(1);
    writer.tag(1, 2);
    writeValue(writer, value);
  }
  writer.end(begun);
}
