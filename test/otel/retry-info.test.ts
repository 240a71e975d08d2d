// SPDX-License-Identifier: Apache-2.0
//
// google.rpc.RetryInfo in the details of a gRPC status, and what is none.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { retryInfoMillis } from '../../lib/otel/retry-info';
import { retryInfoOf } from '../delivery/unruly-receiver';

const errorWith = (details: unknown) => ({ code: 14, metadata: { get: () => [details] } });

it('is the pause in milliseconds', () => {
  expect(retryInfoMillis(errorWith(retryInfoOf(Buffer.from([0x08, 7]))))).toBe(7_000);
  const halfASecond = Buffer.from([0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]); // 1 s, 500,000,000 ns
  expect(retryInfoMillis(errorWith(retryInfoOf(halfASecond)))).toBe(1_500);
  expect(retryInfoMillis(errorWith(retryInfoOf(new Uint8Array())))).toBe(0);
});

it('is undefined where an error has none', () => {
  for (const error of [
    undefined,
    null,
    new Error('x'),
    { metadata: 3 },
    { metadata: { get: () => [] } },
    errorWith('x'),
  ])
    expect(retryInfoMillis(error)).toBeUndefined();
});

it('is a number that is not negative, or undefined, whatever the details are', () => {
  const details = retryInfoOf(Buffer.from([0x08, 7]));
  const damaged = fc.array(fc.tuple(fc.nat(details.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = Uint8Array.from(details);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (bytes) => {
      const millis = retryInfoMillis(errorWith(bytes));
      return millis === undefined || millis >= 0;
    }),
  );
});
