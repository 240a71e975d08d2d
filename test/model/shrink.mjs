// SPDX-License-Identifier: Apache-2.0
//
// Makes a list of steps that fails smaller: leaves out pieces, from halves to single steps, for as long as what is left
// still fails, then makes its numbers 0 where they do not matter. fast-check's own shrinking tries every number of
// every step on the way and needs thousands of runs of the pool where this needs some hundred. Used by check.mjs.

/**
 * `fails` is asked at most `most` times.
 * @template {[string, number, number, number]} Step
 * @param {Step[]} steps
 * @param {(steps: Step[]) => Promise<boolean>} fails
 * @returns {Promise<Step[]>} the smallest that fails; `steps` itself when nothing smaller does
 */
export async function shrinkSteps(steps, fails, most) {
  let left = most;
  const stillFails = async (candidate) => left-- > 0 && (await fails(candidate));
  return await simplify(await leaveOut(steps, stillFails), stillFails);
}

async function leaveOut(steps, fails) {
  let smallest = steps;
  for (let size = Math.ceil(steps.length / 2); size >= 1; ) {
    const before = smallest.length;
    for (let at = 0; at < smallest.length; ) {
      const candidate = smallest.toSpliced(at, size);
      if (candidate.length > 0 && (await fails(candidate))) smallest = candidate;
      else at += size;
    }
    // Single steps again and again: one may depend on another that is only gone now.
    if (size > 1) size = Math.floor(size / 2);
    else if (smallest.length === before) break;
  }
  return smallest;
}

async function simplify(steps, fails) {
  let simplest = steps;
  for (const [at, step] of steps.entries()) {
    for (let number = 1; number < step.length; number++) {
      const candidate = simplest.with(at, simplest[at].with(number, 0));
      if (simplest[at][number] !== 0 && (await fails(candidate))) simplest = candidate;
    }
  }
  return simplest;
}
