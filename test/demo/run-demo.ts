// SPDX-License-Identifier: Apache-2.0
//
// Runs the demo as a user does, in a process of its own, and reads what it wrote. Used by the tests of this folder.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ReceivedSpan, readOtlpJsonFile, spansOf } from 'gpuspan/testing';
import { onTestFinished, type TestContext } from 'vitest';
import { openDevice } from '../../examples/text-server/device.mjs';
import { buildDevice } from '../../examples/text-server/setup.mjs';

const DEMO = join(__dirname, '../../examples/text-server/demo.mjs');

/** Text enough for the model, so that a test does not depend on the project's documentation. */
export const CORPUS = join(__dirname, 'corpus.txt');

/** For building the simulated CUDA driver, and kernels where there is nvcc. */
export const SET_UP_MILLIS = 300_000;

export interface DemoRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly spans: readonly ReceivedSpan[];
  /** The page of its report; '' without one. */
  readonly page: string;
  /** Its Perfetto trace; empty without one. */
  readonly trace: Uint8Array;
  /** All that is in its folder at its end. */
  readonly files: readonly string[];
}

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gpuspan-demo-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function runDemo(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<DemoRun> {
  const folder = temporaryFolder();
  const child = spawn(process.execPath, [DEMO, '--out', 'spans.jsonl', ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      const at = (name: string) => join(folder, name);
      const read = (name: string) => (existsSync(at(name)) ? readFileSync(at(name)) : Buffer.alloc(0));
      const spans = existsSync(at('spans.jsonl')) ? readOtlpJsonFile(at('spans.jsonl')).flatMap(spansOf) : [];
      const [page, trace] = [read('spans.html').toString(), read('spans.pftrace')];
      resolve({ status, ...output, spans, page, trace, files: readdirSync(folder).sort() });
    });
  });
}

/** Builds the example's addon, and skips the test where it has no OpenCL device; CI forbids the skip. */
export function needOpenCl(context: TestContext): void {
  buildDevice();
  try {
    openDevice('opencl', { weights: new Int8Array(256), noise: new Int32Array(1024) });
  } catch (error) {
    context.skip((error as Error).message);
  }
}
