// SPDX-License-Identifier: Apache-2.0
//
// A distribution as a small drawing on a logarithmic axis of time, which all of a table share, so that stages can be
// compared by eye; with marks at p50, p90 and p99.
import { draw } from './dom';
import type { PageDistribution, PageQuantiles } from './format';
import { nanos, percent } from './units';

export interface Axis {
  readonly low: number;
  readonly high: number;
}

const HEIGHT = 26;
const BARS_TOP = 2;
/** A bar that stands for one of very many is still seen. */
const LEAST_BAR = 1.2;

/** From below the least to above the greatest, in whole powers of ten. */
export function axisOf(distributions: readonly PageDistribution[]): Axis {
  const lows = distributions.map(({ low }) => low);
  const highs = distributions.map(({ low, ratio, counts }) => low * ratio ** counts.length);
  const low = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...lows))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(10, ...highs)));
  return { low, high: Math.max(high, low * 10) };
}

/** Powers of ten, for the axis. */
export function decades({ low, high }: Axis): number[] {
  const count = Math.round(Math.log10(high / low)) + 1;
  return Array.from({ length: count }, (_, index) => low * 10 ** index);
}

/** From 0 to 100. */
export function place(value: number, { low, high }: Axis): number {
  const part = Math.log(Math.max(low, value) / low) / Math.log(high / low);
  return 100 * Math.min(1, part);
}

export function drawDistribution(
  distribution: PageDistribution,
  quantiles: PageQuantiles,
  axis: Axis,
  mark: string,
): SVGElement {
  const { low, ratio, counts } = distribution;
  const most = Math.max(1, ...counts);
  const bars = counts.flatMap((count, index) => {
    if (count === 0) return [];
    const from = place(low * ratio ** index, axis);
    const width = Math.max(0.7, place(low * ratio ** (index + 1), axis) - from);
    const height = LEAST_BAR + (count / most) * (HEIGHT - BARS_TOP - 4 - LEAST_BAR);
    const title = `${nanos(low * ratio ** index)} to ${nanos(low * ratio ** (index + 1))}: ${count} (${percent(count / quantiles.count)})`;
    const bar = { x: from, y: HEIGHT - 4 - height, width, height, fill: mark };
    return [draw('rect', bar, draw('title', {}, title))];
  });
  const lines = decades(axis).map((value) => {
    const x = place(value, axis);
    return draw('line', { x1: x, x2: x, y1: 0, y2: HEIGHT, class: 'decade' });
  });
  const marks = [quantiles.p50, quantiles.p90, quantiles.p99].map((value, index) => {
    const x = place(value, axis);
    return draw('line', { x1: x, x2: x, y1: HEIGHT - 4, y2: HEIGHT, class: `quantile q${index}` });
  });
  const label = `from ${nanos(quantiles.min)} to ${nanos(quantiles.max)}, half below ${nanos(quantiles.p50)}`;
  const box = {
    class: 'distribution',
    viewBox: `0 0 100 ${HEIGHT}`,
    preserveAspectRatio: 'none',
    role: 'img',
    'aria-label': label,
  };
  return draw('svg', box, ...lines, ...bars, ...marks);
}
