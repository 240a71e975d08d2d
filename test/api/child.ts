// SPDX-License-Identifier: Apache-2.0
//
// Runs a program that imports the built package in a process of its own, with exactly the GPUSPAN and OTEL variables
// that a test gives it.
import { execFile } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface Ended {
  /** What the program printed, as JSON. */
  readonly output: unknown;
  readonly stderr: string;
  readonly code: number;
}

/**
 * `program` is the body of an ES module; what it passes to `print` comes back as `output`. `maxFileKiB`: no file,
 * memfd included, can grow beyond it.
 */
export function runProgram(
  program: string,
  env: Readonly<Record<string, string>> = {},
  maxFileKiB: number | 'unlimited' = 'unlimited',
): Promise<Ended> {
  const text = `const print = (value) => process.stdout.write(JSON.stringify(value));\n${program}`;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_|NODE_OPTIONS|VITEST)/.test(name));
  const options = { cwd: ROOT, env: { ...Object.fromEntries(inherited), ...env }, timeout: 50_000 };
  const node = ['--input-type=module', '--eval', text];
  return new Promise((resolve) => {
    execFile(
      'bash',
      ['-c', `ulimit -f ${maxFileKiB}; exec "$0" "$@"`, process.execPath, ...node],
      options,
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ output: stdout === '' ? undefined : JSON.parse(stdout), stderr, code });
      },
    );
  });
}
