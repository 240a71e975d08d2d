// SPDX-License-Identifier: Apache-2.0
//
// Instructions that one iteration of a native bench loop executes, counted by callgrind: the difference of two runs
// that differ only in the number of iterations, so that start-up cancels out. Used by scripts/count-instructions.mjs
// (the gate) and bench/native.mjs (the row).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

// GPU slices that are in flight together, without sampling.
const GPU_ITERATIONS = 32;

function runCallgrind(loop, iterations, options) {
  const args = ['--tool=callgrind', ...options, nativeBench('instructions'), loop, String(iterations)];
  const { stderr, status } = spawnSync('valgrind', args, { encoding: 'utf8' });
  if (status !== 0) throw new SetupError(`callgrind could not run '${loop}':\n${stderr}`);
  return stderr;
}

function countRun(loop, iterations) {
  const collected = /Collected : (\d+)/.exec(runCallgrind(loop, iterations, ['--callgrind-out-file=/dev/null']))?.[1];
  if (collected === undefined) throw new SetupError(`callgrind counted nothing in '${loop}'`);
  return Number(collected);
}

// Only the loop's thread, and only what the program itself executes: the driver and the C library, which reads the
// kernel's clock, are other objects.
function countOwnRun(loop, iterations, loopFunction) {
  const folder = mkdtempSync(join(tmpdir(), 'gpuspan-callgrind-'));
  const file = join(folder, 'out');
  try {
    runCallgrind(loop, iterations, [`--callgrind-out-file=${file}`, `--toggle-collect=*${loopFunction}*`]);
    return selfCostOf(readFileSync(file, 'utf8'), nativeBench('instructions'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Instructions in `object`, called functions in other objects left out, by a file in callgrind's format: `ob=(1) NAME`
 * names an object at its first use, later `ob=(1)`; a cost line is a position and a count; the one after `calls=` is
 * the callee's.
 */
export function selfCostOf(text, object) {
  const names = new Map();
  let inObject = false;
  let calleeNext = false;
  let sum = 0;
  for (const line of text.split('\n')) {
    const named = /^c?ob=\((\d+)\)(?: (.*))?$/.exec(line);
    if (named !== null) {
      if (named[2] !== undefined) names.set(named[1], named[2]);
      if (line.startsWith('ob=')) inObject = names.get(named[1]) === object;
    } else if (line.startsWith('calls=')) {
      calleeNext = true;
    } else if (/^[+\-*\d]/.test(line)) {
      if (inObject && !calleeNext) sum += Number(line.split(' ')[1]);
      calleeNext = false;
    }
  }
  return sum;
}

function perIteration(loop, count, iterations) {
  return (count(loop, 2 * iterations) - count(loop, iterations)) / iterations;
}

function ownPerIteration(loop, loopFunction, iterations) {
  return perIteration(loop, (name, count) => countOwnRun(name, count, loopFunction), iterations);
}

/**
 * Instructions that a disabled pair adds to a loop (`off`), that a recorded slice adds (`slice`), or one by `next`. And
 * outside the driver and the C library: of a slice whose clock is the kernel's (`kernel`), and of a GPU slice on the
 * launching thread (`gpu`).
 */
export function countInstructions() {
  const round = (value) => Math.round(value * 10) / 10;
  const empty = perIteration('empty', countRun, ITERATIONS);
  return {
    off: round(perIteration('off', countRun, ITERATIONS) - empty),
    slice: round(perIteration('slice', countRun, ITERATIONS) - empty),
    next: round(perIteration('next', countRun, ITERATIONS) - empty),
    kernel: round(ownPerIteration('kernel', 'run_slices', ITERATIONS)),
    gpu: round(ownPerIteration('gpu', 'run_gpu_slices', GPU_ITERATIONS)),
    clock: clockSource(),
  };
}

/** The same where valgrind is installed, else undefined. */
export function tryCount() {
  return answers('valgrind') ? countInstructions() : undefined;
}

// Another compiler of the same major version may schedule a few instructions otherwise.
const TOLERANCE = { off: 0, slice: 3, next: 3, kernel: 3, gpu: 10 };
/** Read the processor's counter where that is the kernel's clock: elsewhere they are other code. */
const ON_COUNTER = ['slice', 'next'];

// The kernel's: a slice reads the processor's counter only where that is it (native/core/clock.cc), else the kernel's clock.
function clockSource() {
  const file = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'unknown';
}

/** What rose above the pinned counts, one line each. */
export function findRises(counted, pinned) {
  return Object.keys(TOLERANCE)
    .filter((name) => counted.clock === pinned.clock || !ON_COUNTER.includes(name))
    .filter((name) => counted[name] > pinned[name] + TOLERANCE[name])
    .map((name) => `${name}: ${counted[name]} instructions, pinned are ${pinned[name]}`);
}
