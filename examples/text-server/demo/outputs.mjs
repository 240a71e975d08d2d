// SPDX-License-Identifier: Apache-2.0
//
// What the demo leaves to look at beside the spans: the report of `gpuspan report`, as a table and as a page, and one
// Perfetto trace of both processes. Called by demo.mjs.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * A folder into which each process writes a trace of its own.
 * @param {string} file of which the folder is to be a neighbour
 */
export function startTraces(file) {
  mkdirSync(dirname(file), { recursive: true });
  const folder = mkdtempSync(join(dirname(file), '.trace-'));
  return {
    /** For GPUSPAN_FILE, in which a percent sign is doubled. */
    pattern: join(folder.replaceAll('%', '%%'), '%p.pftrace'),
    /** Traces one behind the other are one trace. */
    join() {
      const parts = readdirSync(folder).sort();
      writeFileSync(file, Buffer.concat(parts.map((part) => readFileSync(join(folder, part)))));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Writes the page, and returns the text. Throws an Error whose message is for the user. */
export function makeReport(spansFile, page) {
  const manifest = require.resolve('gpuspan/package.json');
  const program = join(dirname(manifest), require(manifest).bin.gpuspan);
  const run = spawnSync(process.execPath, [program, 'report', '--html', page, spansFile], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr.trim() || `gpuspan report ended with ${run.status ?? run.signal}`);
  return run.stdout;
}
