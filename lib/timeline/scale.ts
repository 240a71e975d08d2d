// SPDX-License-Identifier: Apache-2.0
//
// A piecewise linear map from one 64-bit counter (ticks, or CLOCK_MONOTONIC ns) to epoch time. All arithmetic is on
// differences to the point before the stamp, which are exact doubles, so the result is within 1 ns of exact
// interpolation and monotone between two points. On the reader's hot path: one small array is all it allocates.

import type { HrTime } from '@opentelemetry/api';

import { difference, WORD } from '../segment/position';

export interface ScalePoint {
  /** The counter at this point, as two u32 halves. */
  readonly low: number;
  readonly high: number;
  /** Epoch time at this point. */
  readonly seconds: number;
  readonly nanos: number;
  /** The same in nanoseconds, as two u32 halves; the high one is negative before 1970. */
  readonly epochLow: number;
  readonly epochHigh: number;
  /** Nanoseconds a count from here to the next point; of the last point: beyond it. */
  readonly slope: number;
  /** Most nanoseconds from here on, however many counts. */
  readonly limit: number;
  /** Counts from here on, all below the next point, for which arithmetic of 32 bits is enough; 0: none. */
  readonly near: number;
}

const SECOND = 1e9;
const SECOND_BIGINT = 1_000_000_000n;
const WORD_MASK = 0xffff_ffffn;
// What OTLP can carry: fixed64 nanoseconds, so 0 to about the year 2554. Only damaged segments get there.
const LAST_SECOND = 18_446_744_072;
const LAST_NANOS = BigInt(LAST_SECOND) * SECOND_BIGINT;
const LAST_LOW = Number(LAST_NANOS & WORD_MASK);
const LAST_HIGH = Number(LAST_NANOS >> 32n);
// 52 days from the nearest snapshot; below it the division by SECOND is exact enough to floor.
const MAX_OFFSET_NANOS = 2 ** 52;
/** What V8 keeps in a word. */
const MOST_NEAR = 2 ** 31 - 1;

export class Scale {
  /** Nanoseconds a count before the first point. */
  slopeBefore: number;
  private latest = 0;

  private readonly points: ScalePoint[];

  constructor(first: ScalePoint) {
    this.points = [withNear(first, Infinity)];
    this.slopeBefore = first.slope;
  }

  /** Replaces the last point's slope, which was a guess, and limit. */
  settle(slope: number, limit: number): void {
    const last = this.points.length - 1;
    this.points[last] = withNear({ ...this.points[last]!, slope, limit }, Infinity);
  }

  /** The counter increases from point to point. */
  push(point: ScalePoint): void {
    const last = this.points.length - 1;
    const before = this.points[last]!;
    this.points[last] = withNear(before, difference(point.low, point.high, before.low, before.high));
    this.points.push(withNear(point, Infinity));
  }

  toEpoch(low: number, high: number): HrTime {
    const point = this.points[this.find(low, high)]!;
    const counts = difference(low, high, point.low, point.high);
    const nanos = counts * (counts < 0 ? this.slopeBefore : point.slope);
    return addNanos(point.seconds, point.nanos, nanos > point.limit ? point.limit : nanos);
  }

  /**
   * The time as `toEpoch` has it of the stamp in `stamps` at `at`, as nanoseconds in two u32 halves, low first; it makes
   * no object, and no half is an argument, which a number beyond 2^31 would be one for.
   */
  toWords(stamps: Int32Array, at: number, into: Uint32Array): void {
    const low = stamps[at]! >>> 0;
    const high = stamps[at + 1]! >>> 0;
    const point = this.points[this.latest]!;
    const counts = (low - point.low) >>> 0;
    if (high - point.high === (low < point.low ? 1 : 0) && counts < point.near) {
      const sum = point.epochLow + ((counts * point.slope + 0.5) >>> 0);
      into[0] = sum; // modulo 2^32
      into[1] = point.epochHigh + (sum >= WORD ? 1 : 0);
    } else this.farToWords(low, high, into);
  }

  private farToWords(low: number, high: number, into: Uint32Array): void {
    const point = this.points[this.find(low, high)]!;
    const counts = difference(low, high, point.low, point.high);
    const nanos = counts * (counts < 0 ? this.slopeBefore : point.slope);
    const offset = Math.round(bounded(nanos > point.limit ? point.limit : nanos));
    const sum = point.epochLow + offset; // exact: both are below 2^53
    const carry = Math.floor(sum / WORD);
    putWords(sum - carry * WORD, point.epochHigh + carry, into);
  }

  // Index of the last point at or before the stamp, else the first. Stamps come nearly sorted, so try the last hit.
  private find(low: number, high: number): number {
    const { points } = this;
    let from = 0;
    let to = points.length - 1;
    const guess = this.latest;
    const hit = points[guess]!;
    if (difference(low, high, hit.low, hit.high) >= 0) {
      const next = points[guess + 1];
      if (next === undefined || difference(low, high, next.low, next.high) < 0) return guess;
      from = guess + 1;
    } else {
      to = guess;
    }
    while (from < to) {
      const middle = (from + to + 1) >>> 1;
      const point = points[middle]!;
      if (difference(low, high, point.low, point.high) >= 0) from = middle;
      else to = middle - 1;
    }
    this.latest = from;
    return from;
  }
}

/** The point at which the counter shows `counter` and realtime is `realtime`, in epoch ns. */
export function makePoint(counter: bigint, realtime: bigint, slope: number): ScalePoint {
  let seconds = realtime / SECOND_BIGINT;
  let nanos = realtime % SECOND_BIGINT;
  if (nanos < 0n) {
    seconds -= 1n;
    nanos += SECOND_BIGINT;
  }
  return {
    low: Number(counter & WORD_MASK),
    high: Number(counter >> 32n),
    seconds: Number(seconds),
    nanos: Number(nanos),
    epochLow: Number(realtime & WORD_MASK),
    epochHigh: Number(realtime >> 32n),
    slope,
    limit: Infinity,
    near: 0,
  };
}

// The nanoseconds must stay below 2^32, and the time within what OTLP can carry.
function withNear(point: ScalePoint, toNext: number): ScalePoint {
  const { slope, limit, epochHigh } = point;
  const isCarried = epochHigh >= 0 && epochHigh < LAST_HIGH - 1;
  const near = isCarried ? Math.floor(Math.min(toNext, MOST_NEAR, Math.min(limit, WORD - 1) / slope)) : 0;
  return { ...point, near };
}

/** Epoch time plus `offset` nanoseconds, rounded to a whole one and kept within what OTLP can carry. */
export function addNanos(seconds: number, nanos: number, offset: number): HrTime {
  const whole = nanos + Math.round(bounded(offset));
  const carry = Math.floor(whole / SECOND);
  const second = seconds + carry;
  if (second < 0) return [0, 0];
  if (second > LAST_SECOND) return [LAST_SECOND, 0];
  return [second, whole - carry * SECOND];
}

/** Epoch nanoseconds as two u32 halves, low first. */
export function toWords([seconds, nanos]: HrTime, into: Uint32Array): void {
  const upper = Math.floor(seconds / 65_536) * SECOND;
  const lower = (seconds % 65_536) * SECOND + nanos;
  // upper times 2^16 plus lower, each below 2^53
  const sum = (upper % 65_536) * 65_536 + lower;
  const carry = Math.floor(sum / WORD);
  putWords(sum - carry * WORD, Math.floor(upper / 65_536) + carry, into);
}

function bounded(offset: number): number {
  return offset > MAX_OFFSET_NANOS ? MAX_OFFSET_NANOS : offset < -MAX_OFFSET_NANOS ? -MAX_OFFSET_NANOS : offset;
}

// Kept within what OTLP can carry, as addNanos does: from the second after the last on, it is the last one's beginning.
function putWords(low: number, high: number, into: Uint32Array): void {
  if (high >= 0 && high < LAST_HIGH) {
    into[0] = low;
    into[1] = high;
  } else if (high < 0) {
    into[0] = into[1] = 0;
  } else {
    const isBeyond = (high - LAST_HIGH) * WORD + (low - LAST_LOW) >= SECOND;
    into[0] = isBeyond ? LAST_LOW : low;
    into[1] = isBeyond ? LAST_HIGH : high;
  }
}
