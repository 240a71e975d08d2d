// SPDX-License-Identifier: Apache-2.0
//
// Numbers as payload items (Item in native/core/layout.h): attributes, and the values of batch columns. Called by the
// payload encoder, which has seen to it that they fit.

const INT = 1;
const DOUBLE = 2;
/** An attribute item that is a number: its type, its key and 8 bytes. */
export const NUMBER_BYTES = 1 + 2 + 8;

/** Writes the item of a number at `at`: safe integers as integers, which spans keep apart from doubles. */
export function writeNumber(view: DataView, at: number, key: number, value: number): void {
  view.setUint16(at + 1, key, true);
  if ((value | 0) === value) {
    view.setUint8(at, INT);
    view.setInt32(at + 3, value, true);
    view.setInt32(at + 7, value >> 31, true);
  } else if (Number.isSafeInteger(value)) {
    view.setUint8(at, INT);
    view.setInt32(at + 3, value | 0, true);
    view.setInt32(at + 7, Math.floor(value / 4_294_967_296), true);
  } else {
    view.setUint8(at, DOUBLE);
    view.setFloat64(at + 3, value, true);
  }
}

/** The narrowest width that holds every value: 1, 2, 4 bytes of integer, else 8 of double; 0 if one is no number. */
export function columnWidth(values: ArrayLike<number>): number {
  let width = 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (typeof value !== 'number') return 0;
    if ((value | 0) !== value) width = 8;
    else if (width < 4 && (value > 32_767 || value < -32_768)) width = 4;
    else if (width < 2 && (value > 127 || value < -128)) width = 2;
  }
  return width;
}

/** Writes one value of a column of this width. */
export function writeColumnValue(view: DataView, at: number, width: number, value: number): void {
  if (width === 1) view.setInt8(at, value);
  else if (width === 2) view.setInt16(at, value, true);
  else if (width === 4) view.setInt32(at, value, true);
  else view.setFloat64(at, value, true);
}
