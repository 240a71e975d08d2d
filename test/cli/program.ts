// SPDX-License-Identifier: Apache-2.0
//
// The command line in a process of its own, for what a process does: signals, the addon. Used by this folder's tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const PROGRAM = join(__dirname, '../../dist/cli/index.js');

export interface Program {
  readonly child: ChildProcess;
  readonly said: { stdout: string; stderr: string };
  /** Resolves with the exit code, null after a signal. */
  readonly ended: Promise<number | null>;
  /** Resolves with the first match in what it has said on stderr so far or says later. */
  waitFor(pattern: RegExp): Promise<string>;
}

/** Variables beside those given are this process's, without OpenTelemetry's and gpuspan's. */
export function startProgram(words: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const waitFor = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(said.stderr);
        if (found !== null) resolve(found[1] ?? found[0]);
      };
      child.stderr!.on('data', look);
      void ended.then(() => reject(new Error(`it ended, having said: ${said.stderr}`)));
      look();
    });
  return { child, said, ended, waitFor };
}
