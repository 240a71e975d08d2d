// SPDX-License-Identifier: Apache-2.0
//
// JSON whose integers are exact: Python writes 64-bit and 128-bit ids as JSON numbers, which JSON.parse rounds. By
// lossless-json; what a number becomes is decided here. Used by the readers and writers of SGLang's state, and by
// programs for the messages that state travels in.
import { LosslessNumber, parse, stringify } from 'lossless-json';

/**
 * As JSON.parse, but each number that a JavaScript number would not give back as it was written is kept: an integer as
 * bigint, any other (1.0, 1e400) as lossless-json's `LosslessNumber`. Nothing else differs, but that a name given twice
 * with two values is an error.
 * @throws SyntaxError where JSON.parse does, RangeError for text nested too deeply for the stack.
 */
export function parseExactJson(text: string): unknown {
  return parse(text, undefined, exactNumber);
}

/** As JSON.stringify, for what `parseExactJson` gives: bigints become numbers. Undefined where JSON has nothing. */
export function stringifyExactJson(value: unknown): string | undefined {
  return stringify(value);
}

function exactNumber(text: string): unknown {
  const number = Number(text);
  // An integer beyond 2^53 may be written back as it was read and still be another number inside.
  if (String(number) === text && (Number.isSafeInteger(number) || !Number.isInteger(number))) return number;
  return /^-?[1-9]\d*$/.test(text) ? BigInt(text) : new LosslessNumber(text);
}
