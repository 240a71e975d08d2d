// SPDX-License-Identifier: Apache-2.0
//
// The settings under which programs run: level and modules of every process in each of three phases. They are the whole
// process's, so programs that run at the same time share them: those of a block of consecutive seeds. Between two phases
// all programs wait for each other and the settings change. Pure.
import fc from 'fast-check';
import { ACTORS, PROCESSES } from './declarations.mjs';

/** Seeds of one block, which is also how many programs run at the same time. */
export const BLOCK = 50;
/** A program goes on to the next of them up to this often. */
export const LAST_PHASE = 2;

/** @typedef {{ level: number, modules: string[] | undefined, actor: number }} Settings `actor`: the thread that sets them */

const OFF = 0;
const settingsOf = (process) =>
  fc.record({
    level: fc.constantFrom(...Array(4).fill(PROCESSES[process].level), 1, 2, 3, 4, OFF),
    modules: fc.constantFrom(...Array(3).fill(PROCESSES[process].modules), undefined, ['model_a'], ['model_b']),
    actor: fc.constantFrom(...[...ACTORS.keys()].filter((actor) => ACTORS[actor].process === process)),
  });
const phase = fc.tuple(...PROCESSES.map((_, process) => settingsOf(process)));
const worlds = fc.array(phase, { minLength: LAST_PHASE + 1, maxLength: LAST_PHASE + 1 });
const known = new Map();

/** The settings of the block that a seed is in, by phase and process. @returns {Settings[][]} */
export function worldOf(seed) {
  const block = Math.floor(seed / BLOCK);
  if (!known.has(block)) known.set(block, fc.sample(worlds, { seed: block, numRuns: 1 })[0]);
  return known.get(block);
}
