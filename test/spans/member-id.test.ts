// SPDX-License-Identifier: Apache-2.0
//
// member_span_id of native/core/ids.h, in TypeScript. The vectors were printed by a C++ program that includes
// ids.h (g++ 12): slice id, member's worker span id, result. The last one is the pair that would give 0.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { memberSpanId } from '../../lib/spans/member-id';

const VECTORS: readonly (readonly [slice: bigint, member: bigint, id: bigint])[] = [
  [0x0n, 0x0n, 0xcb4000317231744n],
  [0x1n, 0x0n, 0xd16385a88c5b96c5n],
  [0x0n, 0x1n, 0xd16385a88c5b96c5n],
  [0x123456789abcdefn, 0xfedcba9876543210n, 0xb906c6c3e52762d4n],
  [0xffffffffffffffffn, 0x1n, 0x94933640d2aefbffn],
  [0x8000000080000000n, 0x7fffffff7fffffffn, 0xb906c6c3e52762d4n],
  [0xdeadbeefcafef00dn, 0x1234n, 0x60ff44b220e9296n],
  [0x1n, 0x2n, 0x10781b05f3de03e4n],
  [0x9607eeb0496f3e26n, 0x0n, 0x1n],
];

function halves(value: bigint): [low: number, high: number] {
  return [Number(value & 0xffff_ffffn) | 0, Number(value >> 32n) | 0];
}

function memberId(slice: bigint, member: bigint): bigint {
  const into = new Int32Array(2);
  memberSpanId(...halves(slice), ...halves(member), into);
  return BigInt.asUintN(64, (BigInt(into[1]!) << 32n) | BigInt(into[0]! >>> 0));
}

describe('the span id of a batch slice for a member', () => {
  test.each(VECTORS)('equals that of the recorder for slice %s and member %s', (slice, member, id) => {
    expect(memberId(slice, member)).toBe(id);
  });

  test('differs for different slices of one member', () => {
    const ids = fc.bigInt(0n, 2n ** 64n - 1n);
    fc.assert(fc.property(ids, ids, ids, (a, b, member) => a === b || memberId(a, member) !== memberId(b, member)));
  });
});
