// SPDX-License-Identifier: Apache-2.0
//
// Times as the command line writes them.
import { describe, expect, it } from 'vitest';
import { formatNanos } from '../../dist/cli/report/format';

describe('a time', () => {
  it('is in the next unit where three digits round up to it', () => {
    const times = [999, 999.4, 999.5, 999_499, 999_600, 999_499_999, 999_600_000, 999.4e9, 999.6e9];
    expect(times.map(formatNanos)).toEqual([
      '999 ns',
      '999 ns',
      '1.00 us',
      '999 us',
      '1.00 ms',
      '999 ms',
      '1.00 s',
      '999 s',
      '1000 s',
    ]);
    expect(formatNanos(-999_600)).toBe('-1.00 ms');
  });
});
