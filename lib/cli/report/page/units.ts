// SPDX-License-Identifier: Apache-2.0
//
// Times and numbers in words, for the page.
import { formatNanos } from '../format';

/** A duration, in the unit that keeps it short. */
export function nanos(value: number): string {
  return formatNanos(value).replace(' us', ' µs').replace(' ', '\u00a0');
}

/** A whole number, with spaces between thousands. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function percent(part: number): string {
  const value = 100 * part;
  return `${value >= 99.95 || value === 0 ? value.toFixed(0) : value.toFixed(1)}\u00a0%`;
}

/** A time from the request's start, to the nanosecond: `+12.345 678 ms`. */
export function offset(value: number): string {
  const [unit, size, digits] = Math.abs(value) < 1e6 ? (['µs', 1e3, 3] as const) : (['ms', 1e6, 6] as const);
  const [units, rest = ''] = Math.abs(value / size)
    .toFixed(digits)
    .split('.');
  return `${value < 0 ? '−' : '+'}${units}.${rest.replace(/\B(?=(\d{3})+$)/g, '\u202f')}\u00a0${unit}`;
}

/** The same in short, for columns. */
export function shortOffset(value: number): string {
  const [unit, size] = Math.abs(value) < 1e6 ? (['µs', 1e3] as const) : (['ms', 1e6] as const);
  return `${value < 0 ? '−' : '+'}${Math.abs(value / size).toFixed(3)}\u00a0${unit}`;
}

/** Epoch ns as a date and time in UTC, to the nanosecond. */
export function moment(base: string, from: number): string {
  const at = BigInt(base) + BigInt(Math.round(from));
  const date = new Date(Number(at / 1_000_000n));
  if (Number.isNaN(date.getTime())) return `${at} ns`;
  const fraction = String(at % 1_000_000_000n).padStart(9, '0');
  const seconds = date.toISOString().slice(0, 19).replace('T', ' ');
  return `${seconds}.${fraction.replace(/\B(?=(\d{3})+$)/g, '\u202f')} UTC`;
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them between two values. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return Math.max(1, factor * power);
}

/** The mark on an axis whose steps are `step` ns apart. */
export function tick(value: number, step: number): string {
  if (value === 0) return '0';
  const [unit, size] = (
    [
      ['s', 1e9],
      ['ms', 1e6],
      ['µs', 1e3],
      ['ns', 1],
    ] as const
  ).find(([, each]) => Math.abs(value) >= each) ?? ['ns', 1];
  const places = Math.max(0, Math.min(9, Math.ceil(Math.log10(size / step) - 1e-9)));
  return `${(value / size).toFixed(places).replace('-', '−')} ${unit}`;
}
