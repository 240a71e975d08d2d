// SPDX-License-Identifier: Apache-2.0
//
// Starts the text server as a child process, as an operator would: everything about tracing is in its environment.
// Called by demo.mjs.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../server.mjs', import.meta.url));

/**
 * @param {{ device: string, corpus?: string, endpoint?: string, traces?: string, variables?: Record<string, string> }}
 * options without `endpoint` tracing is off; `traces` is GPUSPAN_FILE; `variables` of the environment are for the device, where the user has not set them
 */
export async function startService({ device, corpus, endpoint, variables, traces }) {
  const args = ['--port', '0', '--device', device, ...(corpus === undefined ? [] : ['--corpus', corpus])];
  const server = fork(SERVER, args, { env: environment(device, endpoint, variables, traces), execArgv: [] });
  const ready = await nextMessage(server, 'start');
  return {
    /** @type {string} */ url: ready.url,
    /** @type {{ kind: string, name: string }} */ device: ready.device,
    /** @type {number[]} */ pids: ready.pids,
    /** Ends both processes. @returns {Promise<Record<string, object>>} `tracer.stats()` of each */
    async stop() {
      server.send('stop');
      const { stats } = await nextMessage(server, 'stop');
      if (server.exitCode === null) await once(server, 'exit');
      return stats;
    },
  };
}

/** What the user set for gpuspan stays, but the spans go to the demo's receiver, its traces go to the demo's folder, and --off means off. */
function environment(device, endpoint, variables, traces) {
  // gpuspan times the device that computes, also where there are others.
  const timed = device === 'cuda' || device === 'sim' ? device : 'opencl';
  const env = { GPUSPAN_DEVICE: timed, ...variables, ...process.env };
  delete env.GPUSPAN;
  delete env.GPUSPAN_FILE;
  if (endpoint === undefined) return env;
  for (const name of Object.keys(env)) if (/^OTEL_(EXPORTER|TRACES|SDK)_/.test(name)) delete env[name];
  return { ...env, GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, GPUSPAN_FILE: traces };
}

async function nextMessage(child, what) {
  const exited = new AbortController();
  const onExit = (code) => exited.abort(new Error(`the server did not ${what}: it ended with exit code ${code}`));
  child.once('exit', onExit);
  try {
    const [message] = await once(child, 'message', { signal: exited.signal });
    return message;
  } catch (error) {
    throw exited.signal.reason ?? error;
  } finally {
    child.off('exit', onExit);
  }
}
