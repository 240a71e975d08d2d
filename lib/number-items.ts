// SPDX-License-Identifier: Apache-2.0
//
// Numbers as payload items (Item in native/core/layout.h): attributes, and the values of batch columns. Called by the
// payload encoder, which has seen to it that they fit.

const DOUBLE = 2;
/** An attribute item that is a number: its type, its key and 8 bytes. */
export const NUMBER_BYTES = 1 + 2 + 8;

/** Writes the item of a number at `at`: as a double, which every number of JavaScript is, whole or not. */
export function writeNumber(view: DataView, at: number, key: number, value: number): void {
  // Type and key in one store, whose fourth byte is the value's first.
  view.setUint32(at, DOUBLE | (key << 8), true);
  view.setFloat64(at + 3, value, true);
}

/** How a column is stored: bytes a value, and what they are counted from. */
export interface ColumnShape {
  /** 1, 2, 4 bytes of integer, else 8 of double. */
  readonly width: number;
  /** The smallest value, where counting from it makes the column shorter; then values are unsigned. */
  readonly base: number | undefined;
}

const DOUBLES: ColumnShape = { width: 8, base: undefined };
/** What a base itself takes. */
const BASE_BYTES = 4;

/** The shortest that holds every value; undefined if one is no number. */
export function columnShape(values: ArrayLike<number>): ColumnShape | undefined {
  let low = 0;
  let high = 0;
  let whole = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (typeof value !== 'number') return undefined;
    if ((value | 0) !== value) whole = false;
    if (i === 0 || value < low) low = value;
    if (i === 0 || value > high) high = value;
  }
  if (!whole) return DOUBLES;
  const width = low < -32_768 || high > 32_767 ? 4 : low < -128 || high > 127 ? 2 : 1;
  const above = high - low > 65_535 ? 4 : high - low > 255 ? 2 : 1;
  const shorter = BASE_BYTES + above * values.length < width * values.length;
  return shorter ? { width: above, base: low } : { width, base: undefined };
}

/** Writes one value of a column of this width. */
export function writeColumnValue(view: DataView, at: number, width: number, value: number): void {
  // An unsigned byte and a signed one of the same value are the same bits, and so for 2 bytes.
  if (width === 1) view.setInt8(at, value);
  else if (width === 2) view.setInt16(at, value, true);
  else if (width === 4) view.setInt32(at, value, true);
  else view.setFloat64(at, value, true);
}
