// SPDX-License-Identifier: Apache-2.0
//
// How a question is measured: two loops of one process, sample by sample in turn, so that both meet the same state of
// the machine; then medians, the 99th percentile, and the median of the ratios of neighbouring samples. Used by every
// file of bench/. Each loop is a function with a text of its own in the question's file: V8 shares type feedback
// between functions of identical text, and a shared one would measure both.

/** `--quick` of the run: fewer samples, the same loops. */
export const QUICK = process.env.BENCH_QUICK === '1';
const SAMPLES = QUICK ? 40 : 400;
const WARM_UP = QUICK ? 10 : 50;

/** The value below which `share` of the values lie (nearest rank). */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

export const median = (values) => percentile(values, 0.5);

/**
 * Nanoseconds an operation of `loop(operations)` takes, once. An untimed eighth goes first: what ran before the sample
 * (a drain, the other loop, an idle wait) has emptied caches and slowed the processor's clock.
 */
function sample(loop, operations) {
  loop(Math.ceil(operations / 8));
  const started = process.hrtime.bigint();
  loop(operations);
  return Number(process.hrtime.bigint() - started) / operations;
}

/**
 * Measures `loop` against `reference`, both called with a number of operations. `settle` runs untimed after each
 * sample of the first, `settleReference` after each of the second: that is where what was recorded is drained.
 */
export async function measurePair(loop, reference, options) {
  const { operations, referenceOperations = operations, settle = () => {}, settleReference = () => {} } = options;
  const own = [];
  const other = [];
  for (let i = -WARM_UP; i < SAMPLES; i++) {
    const a = sample(loop, operations);
    await settle();
    const b = sample(reference, referenceOperations);
    await settleReference();
    if (i >= 0) {
      own.push(a);
      other.push(b);
    }
  }
  return { own, other };
}

/** One row of the result, from paired samples. `difference` is the median of own minus reference. */
export function row({ id, what, unit = 'ns', reference }, { own, other }) {
  return {
    id,
    what,
    unit,
    median: median(own),
    p99: percentile(own, 0.99),
    reference: { what: reference, median: median(other) },
    ratio: median(own.map((value, index) => value / other[index])),
    difference: median(own.map((value, index) => value - other[index])),
  };
}

/** A row for something counted, not timed. */
export function countedRow({ id, what, unit, reference }, value, referenceValue) {
  return {
    id,
    what,
    unit,
    median: value,
    p99: value,
    reference: { what: reference, median: referenceValue },
    ratio: value / referenceValue,
    difference: value - referenceValue,
  };
}

/** Hands the rows (and what was learnt about the machine) to bench/run.mjs, or prints them when run alone. */
export function report(rows, facts = {}) {
  if (process.send) process.send({ rows, facts });
  else console.log(JSON.stringify({ rows, facts }, null, 2));
}
