// SPDX-License-Identifier: Apache-2.0
//
// A traced process that does as it is told (scripts/outage.cjs), and what can be asked of it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TracerStats } from '../../lib/tracer';

export type Order =
  | { readonly type: 'record'; readonly requests: number }
  | { readonly type: 'flood'; readonly slices: number }
  | { readonly type: 'flush' | 'end-reader' | 'shutdown' | 'rss' | 'stats' };

export class ToldProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  stderr = '';

  private constructor(endpoint: string, variables: NodeJS.ProcessEnv) {
    this.#child = fork(join(import.meta.dirname, 'scripts', 'outage.cjs'), {
      env: { ...process.env, GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...variables },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => this.#child.on('close', resolve));
  }

  static async start(endpoint: string, variables: NodeJS.ProcessEnv): Promise<ToldProcess> {
    const told = new ToldProcess(endpoint, variables);
    await told.#answer();
    return told;
  }

  tell(order: Order): Promise<unknown> {
    return this.#ask(order);
  }

  async rss(): Promise<number> {
    return (await this.#ask({ type: 'rss' })) as number;
  }

  async stats(): Promise<TracerStats> {
    return (await this.#ask({ type: 'stats' })) as TracerStats;
  }

  /** Returns what became of everything; the process ends by itself then. */
  async shutdown(): Promise<TracerStats> {
    return (await this.#ask({ type: 'shutdown' })) as TracerStats;
  }

  /** By process.exit. */
  async exit(): Promise<number | null> {
    this.#child.send({ type: 'exit' });
    return this.ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(order: Order): Promise<unknown> {
    this.#child.send(order);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const died = this.ended.then((code) => {
      throw new Error(`the process ended with ${code}: ${this.stderr}`);
    });
    const [{ result }] = await Promise.race([once(this.#child, 'message'), died]);
    return result;
  }
}
