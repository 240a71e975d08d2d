// SPDX-License-Identifier: Apache-2.0
//
// The gate on the record path's length: counts instructions and fails when a count is above the one pinned in
// bench/instruction-counts.json. `--pin` writes the counts of this machine's compiler instead; a fall is worth a pin.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { buildNativeBenches } from '../bench/native-bench.mjs';
import { countInstructions, findRises, PINNED_FILE, readPinned } from './instructions.mjs';
import { answers, SetupError } from './toolchain.mjs';

function main() {
  if (!answers('valgrind')) throw new SetupError('valgrind is missing: apt-get install valgrind');
  buildNativeBenches();
  const counted = countInstructions();
  const compiler = spawnSync(process.env.CXX ?? 'g++', ['-dumpfullversion'], { encoding: 'utf8' }).stdout.trim();
  const { off, slice, next, kernel, gpu } = counted;
  console.log(
    `instructions: disabled pair ${off}, host slice ${slice}, by next ${next}, with the kernel's clock ${kernel}, GPU slice ${gpu} (compiler ${compiler})`,
  );
  if (process.argv.includes('--pin')) {
    writeFileSync(PINNED_FILE, `${JSON.stringify({ ...counted, arch: process.arch, compiler }, null, 2)}\n`);
    return;
  }
  const pinned = readPinned();
  if (pinned.arch !== process.arch) {
    console.log(`instructions: not compared, the pinned counts are for ${pinned.arch}`);
    return;
  }
  if (pinned.clock !== counted.clock) {
    console.log(
      `instructions: host slice and next not compared, ${pinned.slice} and ${pinned.next} are with ${pinned.clock}, this kernel's clock is ${counted.clock}`,
    );
  }
  const rises = findRises(counted, pinned);
  if (rises.length > 0) throw new SetupError(`a count rose: ${rises.join('; ')}`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`count-instructions: ${error.message}`);
  process.exitCode = 1;
}
