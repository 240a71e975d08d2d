// SPDX-License-Identifier: Apache-2.0
//
// Runs a script of test/delivery/scripts in a process of its own, traced and exporting to a receiver.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `endpoint` '' leaves the process with nowhere to send. `flags` are Node's own. */
export function runScript(
  name: string,
  args: readonly string[],
  endpoint: string,
  variables: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<Ended> {
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'scripts', name), ...args], {
    env: {
      ...process.env,
      GPUSPAN: '1',
      ...(endpoint === '' ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}
