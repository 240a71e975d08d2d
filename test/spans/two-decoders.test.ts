// SPDX-License-Identifier: Apache-2.0
//
// The pipeline and a slow decoder written from the documented byte layout make the same of a segment.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import { SecondDecoder } from '../segment/second-decoder';
import { build, member, record } from './random-segments';
import { pipelineOver } from './span-fixture';
import { expandedSpans, expectSameSpan, memberSpans } from './span-comparison';

describe('the pipeline and the second decoder', () => {
  test('make the same spans of any segment', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.array(member, { maxLength: 20 }),
        (records, members) => {
          const segment = build(records, members);
          const spans = pipelineOver(segment).read(100_000)!.spans;
          const second = new SecondDecoder(segment.bytes);
          const decoded = second.records();
          expect(decoded).toHaveLength(records.length);
          let next = 0;
          for (const one of decoded) {
            expectSameSpan(spans[next++]!, one, second);
            const expected = memberSpans(one, second, 2);
            const made: GpuspanSpan[] = spans.slice(next, next + expected.length);
            expect(expandedSpans(made)).toEqual(expected);
            next += expected.length;
          }
          expect(next).toBe(spans.length);
        },
      ),
      { numRuns: 150 },
    );
  });
});
