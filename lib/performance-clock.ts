// SPDX-License-Identifier: Apache-2.0
//
// Converts timestamps of `performance.now()` to the clock of slices, for `tracer.fromPerformance`. Node reads both
// with one call of libuv's, so that between them there is one constant a thread: what `performance.now()` counts from.
// `performance.timeOrigin` is not it: that is wall-clock time. Any thread; nothing throws.

/** How often the constant is bracketed. It takes one bracket without an interruption; they last 0.1 us or so. */
const BRACKETS = 32;
const NANOS_PER_MILLI = 1e6;
/** No time: `record` and `event` refuse it and count a loss. */
const NO_TIME = -1n;

/** ns of CLOCK_MONOTONIC at which this thread's `performance.now()` was 0. Measured when it is first needed. */
let origin: bigint | undefined;

/** -1n for what is no finite number. */
export function fromPerformance(millis: number): bigint {
  if (typeof millis !== 'number' || !Number.isFinite(millis)) return NO_TIME;
  origin ??= measureOrigin();
  const time = origin + toNanos(millis);
  return time < 0n ? NO_TIME : time;
}

/** The middle of what all brackets agree on. */
function measureOrigin(): bigint {
  let latest: bigint | undefined;
  let earliest: bigint | undefined;
  for (let i = 0; i < BRACKETS; i++) {
    const before = process.hrtime.bigint();
    const counted = toNanos(performance.now());
    const after = process.hrtime.bigint();
    if (earliest === undefined || before - counted > earliest) earliest = before - counted;
    if (latest === undefined || after - counted < latest) latest = after - counted;
  }
  return (earliest! + latest!) / 2n;
}

/** Whole ms apart, so that no digit of a long uptime is lost. */
function toNanos(millis: number): bigint {
  const whole = Math.floor(millis);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((millis - whole) * NANOS_PER_MILLI));
}
