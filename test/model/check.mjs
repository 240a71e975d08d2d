// SPDX-License-Identifier: Apache-2.0
//
// The property: programs drawn from consecutive seeds run on the pool in groups, and what comes out is what the model
// says. A program that fails is run again alone and shrunk. Called by programs.test.ts and `npm run model`.
import fc from 'fast-check';
import { compareSpans, findDuplicates } from './compare.mjs';
import { expectSpans } from './model.mjs';
import { describePlan, planProgram, programs } from './plan.mjs';
import { shrinkSteps } from './shrink.mjs';
import { BLOCK } from './world.mjs';

/** Failures that are shrunk; the others are counted. */
const MOST_SHRUNK = 3;
const MOST_SHRINKS = 2000;

/**
 * Runs `count` programs, those of the seeds `seed`, `seed + 1`, ...
 * @returns {Promise<{ programs: number, spans: number, mismatches: number, orphans: number, duplicateIds: number,
 *   failures: { seed: number, shrunk: string[], problems: string[] }[] }>}
 */
export async function checkPrograms(pool, { count, seed, expect = expectSpans }) {
  const ids = new Set();
  const result = { programs: count, spans: 0, mismatches: 0, orphans: 0, duplicateIds: 0, failures: [] };
  for (let first = seed, next; first < seed + count; first = next) {
    // Of one block: they share their world.
    next = Math.min(seed + count, (Math.floor(first / BLOCK) + 1) * BLOCK);
    const plans = Array.from({ length: next - first }, (_, index) => drawPlan(first + index));
    const outcome = await runGroup(pool, plans, expect, ids);
    result.spans += outcome.spans;
    result.orphans += outcome.orphans;
    result.duplicateIds += outcome.duplicateIds;
    for (const { plan, problems } of outcome.failed) {
      result.mismatches++;
      if (result.failures.length < MOST_SHRUNK) result.failures.push(await shrink(pool, plan, problems, expect));
    }
  }
  return result;
}

/** The program of a seed. */
export function drawPlan(seed) {
  const [steps] = fc.sample(programs(), { seed, numRuns: 1 });
  return planProgram(steps, seed);
}

/** Runs plans at the same time and holds each against its model. */
export async function runGroup(pool, plans, expect, ids) {
  const outcome = judgeGroup(plans, await pool.run(plans), { expect, ids });
  if (outcome.common.length === 0 || outcome.failed.length > 0) return outcome;
  // Whose fault it is, each of them shows when it runs alone; if none does, it is told as the first's.
  for (const plan of plans.length > 1 ? plans : []) {
    const alone = judgeGroup([plan], await pool.run([plan]), { expect });
    if (alone.failed.length + alone.common.length === 0) continue;
    outcome.failed.push({ plan, problems: [...outcome.common, ...alone.common] });
    return outcome;
  }
  outcome.failed.push({ plan: plans[0], problems: outcome.common });
  return outcome;
}

/** Holds what a pool's `run` gave against the models: what failed by program, and what is nobody's own. */
export function judgeGroup(plans, { spans, failures, losses }, { expect = expectSpans, ids = new Set() } = {}) {
  const twice = findDuplicates(spans, ids);
  const expected = plans.map((plan) => expect(plan));
  const shares = shareSpans(plans, expected, spans);
  const outcome = { spans: spans.length, orphans: 0, duplicateIds: twice.length, failed: [], common: [] };
  for (const [index, plan] of plans.entries()) {
    const { problems, orphans } = compareSpans(expected[index], shares[index]);
    for (const failure of failures) if (failure.program === index) problems.unshift(`threw: ${failure.error}`);
    outcome.orphans += orphans;
    if (problems.length > 0) outcome.failed.push({ plan, problems });
  }
  outcome.common.push(...twice.map((id) => `two spans have the id ${id}`), ...compareLosses(expected, losses));
  for (const { name, attributes } of shares.at(-1)) {
    outcome.common.push(`no program's: ${name} ${JSON.stringify(attributes)}`);
  }
  return outcome;
}

/** Spans by program, by the traces of its roots and batches; last, those of none. */
function shareSpans(plans, expected, spans) {
  const owner = new Map();
  const ofTop = new Map();
  for (const [index, { roots, batches }] of expected.entries()) {
    for (const { attributes } of roots) ofTop.set(attributes['rid'], index);
    for (const { attributes } of batches) ofTop.set(attributes['batch'], index);
  }
  for (const { trace, attributes } of spans) {
    const index = ofTop.get(attributes['rid'] ?? attributes['batch']);
    if (index !== undefined) owner.set(trace, index);
  }
  const shares = [...plans, undefined].map(() => []);
  for (const span of spans) shares[owner.get(span.trace) ?? plans.length].push(span);
  return shares;
}

function compareLosses(expected, losses) {
  const total = {};
  for (const one of expected)
    for (const [reason, count] of Object.entries(one.losses)) total[reason] = (total[reason] ?? 0) + count;
  const reasons = [...new Set([...Object.keys(total), ...Object.keys(losses)])];
  return reasons
    .filter((reason) => (total[reason] ?? 0) !== (losses[reason] ?? 0))
    .map((reason) => `lost, reason ${reason}: ${losses[reason] ?? 0} instead of ${total[reason] ?? 0}`);
}

/** The smallest program found that still fails when it runs alone; the whole one when it fails only among others. */
async function shrink(pool, plan, problems, expect) {
  /** @type {any} set by `fails` */
  let smallest;
  const fails = async (steps) => {
    const { failed } = await runGroup(pool, [planProgram(steps, plan.seed)], expect);
    if (failed.length > 0) smallest = failed[0];
    return failed.length > 0;
  };
  if (await fails(plan.steps)) await shrinkSteps(plan.steps, fails, MOST_SHRINKS);
  if (smallest !== undefined)
    return { seed: plan.seed, shrunk: describePlan(smallest.plan), problems: smallest.problems };
  return { seed: plan.seed, shrunk: describePlan(plan), problems: ['only among others of its group', ...problems] };
}
