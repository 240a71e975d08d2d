// SPDX-License-Identifier: Apache-2.0
//
// A gigabyte of spans through the command line, to a trace and to reports of both, in a process with a small heap: what it
// needs does not grow with the file.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tmpdir } from 'node:os';
import { growthLimit } from '../process-memory';
import { writeBigFile } from './big-file';

const GIGABYTE = 1_000_000_000;
const HEAP_MIB = 96;
const MOST_KIB = growthLimit(400) / 1024;
const PATIENCE_MILLIS = 600_000;
const PROGRAM = join(__dirname, '../../dist/cli/index.js');
/** Says at the end how large the process was at most. */
const MEASURE =
  'data:text/javascript,process.on("exit",()=>console.error("peak "+process.resourceUsage().maxRSS+" KiB"))';

let folder = '';
let spans = 0;
const file = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-huge-'));
  spans = writeBigFile(file('spans.jsonl'), GIGABYTE);
}, PATIENCE_MILLIS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function gpuspanWithin(...words: string[]): { stdout: string; peakKib: number } {
  const options = [`--max-old-space-size=${HEAP_MIB}`, '--import', MEASURE];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, PROGRAM, ...words], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, expect.stringMatching(/^peak \d+ KiB\n$/)]);
  return { stdout, peakKib: Number(/peak (\d+)/.exec(stderr)![1]) };
}

describe('a file of a gigabyte', () => {
  it(
    'becomes a trace with all its spans, in bounded memory',
    () => {
      const { stdout, peakKib } = gpuspanWithin('convert', file('spans.jsonl'), '-o', file('out.pftrace'));
      expect(stdout).toContain(`${spans} spans of 2 processes`);
      expect(statSync(file('out.pftrace')).size).toBeGreaterThan(100 * spans);
      expect(peakKib).toBeLessThan(MOST_KIB);
    },
    PATIENCE_MILLIS,
  );

  it.each(['spans.jsonl', 'out.pftrace'])(
    'is reported in bounded memory, %s',
    (name) => {
      const { stdout, peakKib } = gpuspanWithin('report', '--json', file(name));
      expect(JSON.parse(stdout)).toMatchObject({ spans });
      expect(peakKib).toBeLessThan(MOST_KIB);
    },
    PATIENCE_MILLIS,
  );
});
