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
const NEARBY = { low: 0, high: 1, epochLow: 2, epochHigh: 3, counts: 4 } as const;

export class Scale {
  /** Nanoseconds a count before the first point. */
  slopeBefore: number;
  private latest = 0;
  private readonly points: ScalePoint[];
  // What is needed of the point that the last stamp was near, as words, because most words as fields are objects.
  private readonly nearby = new Uint32Array(5);
  private nearbySlope = 1;

  constructor(first: ScalePoint) {
    this.points = [first];
    this.slopeBefore = first.slope;
  }

  /** Replaces the last point's slope, which was a guess, and limit. */
  settle(slope: number, limit: number): void {
    const last = this.points.length - 1;
    this.points[last] = { ...this.points[last]!, slope, limit };
    this.nearby[NEARBY.counts] = 0;
  }

  /** The counter increases from point to point. */
  push(point: ScalePoint): void {
    this.points.push(point);
    this.nearby[NEARBY.counts] = 0;
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
    const { nearby } = this;
    const counts = (low - nearby[NEARBY.low]!) >>> 0;
    const borrow = low < nearby[NEARBY.low]! ? 1 : 0;
    if (counts < nearby[NEARBY.counts]! && high === nearby[NEARBY.high]! + borrow) {
      const sum = nearby[NEARBY.epochLow]! + ((counts * this.nearbySlope + 0.5) >>> 0);
      into[0] = sum; // modulo 2^32
      into[1] = nearby[NEARBY.epochHigh]! + (sum >= WORD ? 1 : 0);
    } else this.farToWords(low, high, into);
  }

  private farToWords(low: number, high: number, into: Uint32Array): void {
    const index = this.find(low, high);
    this.approach(index);
    const point = this.points[index]!;
    const counts = difference(low, high, point.low, point.high);
    const nanos = counts * (counts < 0 ? this.slopeBefore : point.slope);
    const offset = Math.round(bounded(nanos > point.limit ? point.limit : nanos));
    const sum = point.epochLow + offset; // exact: both are below 2^53
    const carry = Math.floor(sum / WORD);
    putWords(sum - carry * WORD, point.epochHigh + carry, into);
  }

  // Makes `index` the point that the next stamps are expected near. Nanoseconds of less than 2^32 from it, and a time that
  // OTLP can carry, are what the short arithmetic is right for.
  private approach(index: number): void {
    const { low, high, epochLow, epochHigh, slope, limit } = this.points[index]!;
    const next = this.points[index + 1];
    const toNext = next === undefined ? Infinity : difference(next.low, next.high, low, high);
    const isCarried = epochHigh >= 0 && epochHigh < LAST_HIGH - 1;
    const counts = isCarried ? Math.min(toNext, Math.min(limit, WORD - 1) / slope, WORD - 1) : 0;
    this.nearbySlope = slope;
    this.nearby.set([low, high, epochLow, epochHigh, counts > 0 ? counts : 0]);
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
  };
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
