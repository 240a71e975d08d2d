// SPDX-License-Identifier: Apache-2.0
//
// Instructions that one iteration of a native bench loop executes, counted by callgrind: the difference of two runs
// that differ only in the number of iterations, so that start-up cancels out. Used by scripts/count-instructions.mjs
// (the gate) and bench/native.mjs (the row).
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeBench } from '../bench/native-bench.mjs';
import { ROOT } from './fresh.mjs';
import { answers, SetupError } from './toolchain.mjs';

export const PINNED_FILE = join(ROOT, 'bench', 'instruction-counts.json');
// The recorder's free lists wrap at powers of two: whole laps, so that both runs contain the same share of them.
const ITERATIONS = 8192;

export function readPinned() {
  return JSON.parse(readFileSync(PINNED_FILE, 'utf8'));
}

function countRun(loop, iterations) {
  const args = [
    '--tool=callgrind',
    '--callgrind-out-file=/dev/null',
    nativeBench('instructions'),
    loop,
    String(iterations),
  ];
  const { stderr, status } = spawnSync('valgrind', args, { encoding: 'utf8' });
  const collected = /Collected : (\d+)/.exec(stderr ?? '')?.[1];
  if (status !== 0 || collected === undefined) throw new SetupError(`callgrind could not run '${loop}':\n${stderr}`);
  return Number(collected);
}

function perIteration(loop) {
  return (countRun(loop, 2 * ITERATIONS) - countRun(loop, ITERATIONS)) / ITERATIONS;
}

/** Instructions that a disabled pair adds to a loop (`off`), and that a recorded slice adds (`slice`). */
export function countInstructions() {
  const round = (value) => Math.round(value * 10) / 10;
  const empty = perIteration('empty');
  return { off: round(perIteration('off') - empty), slice: round(perIteration('slice') - empty) };
}

/** The same where valgrind is installed, else undefined. */
export function tryCount() {
  return answers('valgrind') ? countInstructions() : undefined;
}

// Another compiler of the same major version may schedule a few instructions otherwise.
const TOLERANCE = { off: 0, slice: 3 };

/** What rose above the pinned counts, one line each. */
export function findRises(counted, pinned) {
  return Object.keys(TOLERANCE)
    .filter((name) => counted[name] > pinned[name] + TOLERANCE[name])
    .map((name) => `${name}: ${counted[name]} instructions, pinned are ${pinned[name]}`);
}
