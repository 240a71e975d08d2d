// SPDX-License-Identifier: Apache-2.0
//
// JSON.parse for OTLP: as fast, and exact also where a writer put times and 64-bit numbers down without quotes, which
// JSON.parse rounds. Called for each line and each span that is parsed by itself. Pure.
import { LosslessNumber } from 'lossless-json';
import { parseExactJson } from '../../sglang/exact-json';

/** A number without quotes that a double may not hold; in a string it costs time and changes nothing. */
const LONG_NUMBER = /[[:,]\s*-?\d{16}/;

/** Integers beyond 2^53 are bigints; see `numberText` for other numbers beside them. @throws SyntaxError */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!LONG_NUMBER.test(text)) return value;
  try {
    return parseExactJson(text);
  } catch {
    // JSON all the same, with a name given twice or nested too deeply for that parser.
    return value;
  }
}

/** The text of a number that `parseJson` kept as it was written (12.500), since a double would print otherwise. */
export function numberText(value: unknown): string | undefined {
  return value instanceof LosslessNumber ? value.value : undefined;
}

/** Such a number as a double, anything else as it is. */
export function plainNumber(value: unknown): unknown {
  const text = numberText(value);
  return text === undefined ? value : Number(text);
}
