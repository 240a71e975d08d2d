// SPDX-License-Identifier: Apache-2.0
//
// Quantiles, interval covers and the largest of many, against the plain way to compute them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXACT_VALUES, Histogram } from '../../dist/cli/model/histogram';
import { Intervals } from '../../dist/cli/model/intervals';
import { Largest } from '../../dist/cli/model/largest';

function filled(values: Iterable<number>): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

describe('a histogram', () => {
  it('gives exact nearest ranks while it is small', () => {
    expect(filled([5, 1, 4, 2, 3]).quantiles()).toEqual({
      count: 5,
      min: 1,
      p50: 3,
      p90: 5,
      p99: 5,
      max: 5,
      total: 15,
      exact: true,
    });
  });

  it('gives zeros when it is empty', () => {
    expect(new Histogram().quantiles()).toMatchObject({ count: 0, min: 0, p50: 0, max: 0, total: 0 });
  });

  it('stays within half a percent of the exact quantile beyond the values it keeps', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.double({ min: 1, max: 12, noNaN: true }), (seed, spread) => {
        let state = seed;
        const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
        const values = Array.from({ length: EXACT_VALUES + 500 }, () => Math.round(10 ** (spread * next())));
        const sorted = [...values].sort((a, b) => a - b);
        const { p50, p90, p99, exact, min, max } = filled(values).quantiles();
        expect([exact, min, max]).toEqual([false, sorted[0], sorted.at(-1)]);
        for (const [q, got] of [
          [0.5, p50],
          [0.9, p90],
          [0.99, p99],
        ] as const) {
          const truth = sorted[Math.ceil(sorted.length * q) - 1]!;
          expect(Math.abs(got - truth)).toBeLessThanOrEqual(0.0051 * truth);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('counts negative values as 0 and ignores what is no number', () => {
    expect(filled([-5, Number.NaN, Number.POSITIVE_INFINITY]).quantiles()).toMatchObject({ count: 1, min: 0, max: 0 });
  });

  it('has every value in one bar of its distribution', () => {
    const bars = filled(Array.from({ length: 6000 }, (_, i) => i)).distribution(30);
    expect(bars.counts.reduce((sum, count) => sum + count)).toBe(6000);
  });
});

const intervals = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40 }))
    .map(([start, length]) => [start, start + length]),
  { maxLength: 60 },
);

/** By unit steps. */
function plainCover(list: readonly (readonly number[])[]) {
  const depth = Array.from({ length: 400 }, (_, t) => list.filter(([start, end]) => start! <= t && t < end!).length);
  return { busy: depth.filter((d) => d >= 1).length, overlap: depth.filter((d) => d >= 2).length };
}

describe('intervals', () => {
  it('are covered once and twice as counted step by step', () => {
    fc.assert(
      fc.property(intervals, (list) => {
        const set = new Intervals();
        for (const [start, end] of list) set.add(start!, end!);
        expect(set.cover()).toMatchObject(plainCover(list));
        expect(set.cover()).toMatchObject({ busy: plainCover(list).busy, coarsened: 0 });
      }),
    );
  });

  it('merge into disjoint ones in order', () => {
    const set = new Intervals();
    for (const [start, end] of [
      [10, 20],
      [5, 8],
      [15, 25],
      [8, 9],
    ] as const)
      set.add(start, end);
    expect(set.merged()).toEqual([
      [5, 9],
      [10, 25],
    ]);
  });

  it('close the smallest gaps beyond their limit, and say by how much that can be off', () => {
    const set = new Intervals(64);
    for (let i = 0; i < 1000; i++) set.add(i * 10, i * 10 + 5);
    const { busy, coarsened } = set.cover();
    expect(coarsened).toBeGreaterThan(0);
    expect(busy - coarsened).toBe(5000);
    expect(set.merged().length).toBeLessThanOrEqual(64);
  });

  it('are coarsened no more than it takes where all gaps are equal', () => {
    const set = new Intervals(64);
    for (let i = 0; i < 64; i++) set.add(i * 10, i * 10 + 5);
    expect(set.cover()).toMatchObject({ busy: 64 * 5 + 32 * 5, coarsened: 32 * 5, last: 635 });
  });

  it('have each overlap once, however often they are merged on the way', () => {
    const set = new Intervals(1000);
    for (let stream = 0; stream < 3; stream++) {
      for (let i = 0; i < 450; i++) set.add(i * 20, i * 20 + 10);
    }
    expect(set.cover()).toMatchObject({ busy: 4500, overlap: 4500, coarsened: 0 });
    expect(set.cover().overlap).toBe(4500);
  });

  it('ignore what is no number and take an end before its start as its start', () => {
    const set = new Intervals();
    set.add(Number.NaN, 3);
    set.add(9, 3);
    expect(set.cover()).toMatchObject({ busy: 0, first: 9, last: 9 });
  });
});

describe('the largest of many', () => {
  it('are kept in order, equals by arrival', () => {
    const largest = new Largest<{ size: number; at: number }>(3, ({ size }) => size);
    for (let at = 0; at < 500; at++) largest.add({ size: at % 7, at });
    expect(largest.items().map(({ at }) => at)).toEqual([6, 13, 20]);
    expect(largest.count).toBe(500);
  });
});
