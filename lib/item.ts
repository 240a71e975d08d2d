// SPDX-License-Identifier: Apache-2.0
//
// The item types that JavaScript writes; numbers of `Item` in native/core/layout.h. Used by the payload encoder.

export const Item = {
  int: 1,
  bool: 3,
  string: 4,
  event: 5,
  status: 6,
  column: 9,
  name: 10,
  traceState: 11,
  strings: 13,
  numbers: 14,
  exception: 15,
  link: 16,
  offsetColumn: 17,
} as const;
