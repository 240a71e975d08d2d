// SPDX-License-Identifier: Apache-2.0
//
// How busy a GPU was, second by second: right for slices however long, told in bounded work however wild their times.
import { describe, expect, it } from 'vitest';
import { GpuBusy } from '../../lib/perfetto/gpu-busy';

const SECOND = 1e9;

function toldOf(slices: readonly (readonly [number, number])[]): [number, number][] {
  const told: [number, number][] = [];
  const busy = new GpuBusy((second, percent) => told.push([second / SECOND, percent]));
  for (const [start, end] of slices) busy.add(start * SECOND, end * SECOND);
  busy.finish();
  return told;
}

/** What a counter shows in a second: the last that was told at or before it. */
const shownAt = (told: readonly (readonly [number, number])[], second: number): number =>
  told.filter(([at]) => at <= second).at(-1)![1];

describe('the share of a second', () => {
  it('is what slices cover of it, where they overlap once', () => {
    const told = toldOf([
      [0, 0.5],
      [0.25, 0.75],
      [1.5, 2],
    ]);
    expect([shownAt(told, 0), shownAt(told, 1), shownAt(told, 2)]).toEqual([75, 50, 0]);
  });

  it.each([5.5, 1e3, 1.7e9])('is 100 within a slice of %d s, told a few times', (length) => {
    const told = toldOf([[0.5, 0.5 + length]]);
    expect(told.length).toBeLessThan(10);
    const last = Math.floor(0.5 + length);
    expect(shownAt(told, 0)).toBe(50);
    for (const second of [1, 2, 3, Math.floor(length / 2), last - 1]) expect(shownAt(told, second)).toBe(100);
    expect(shownAt(told, last)).toBeCloseTo(((0.5 + length) % 1) * 100);
    expect(shownAt(told, last + 1)).toBe(0);
  });

  it('is right behind such a slice', () => {
    const told = toldOf([
      [0, 1000],
      [1000.25, 1000.5],
      [1005, 1006],
    ]);
    expect([999, 1000, 1003, 1005, 1006].map((second) => shownAt(told, second))).toEqual([100, 25, 0, 100, 0]);
  });
});
