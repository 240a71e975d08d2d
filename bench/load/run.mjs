// SPDX-License-Identifier: Apache-2.0
//
// Runs the workload against the receiver: without a break, in turn with nothing, and for the peer at the highest rate at
// which it drops nothing. Used by scripts/load.mjs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../statistics.mjs';
import { placeApplication, placeBeside } from './placement.mjs';

const FOLDER = import.meta.dirname;
/** gpuspan's, 64 bytes each. `null` is for ten times the rate: room for half a second of it. */
export const RING_SLOTS = { gpuspan: 262_144, null: 1_048_576 };
/** Root spans, and gpuspan's worker spans, are not slices: how many there are a request. */
const OWNERS = { gpuspan: 2, otel: 1 };
/** Of a turn: short, so that the next one finds the machine in the same state. */
const TURN_SECONDS = 2;
/** Of a search's tries. */
const TRY_SECONDS = 3;
const FIRST_RATE = 2_000;
const BISECTIONS = 4;

/** A receiver process; `take()` gives what arrived since the last call. */
export async function startReceiver() {
  const folder = mkdtempSync(join(tmpdir(), 'gpuspan-load-'));
  const child = fork(join(FOLDER, 'receiver.mjs'), [join(folder, 'stored')]);
  const [{ port }] = await once(child, 'message');
  placeBeside(child.pid);
  return {
    url: `http://127.0.0.1:${port}`,
    async take() {
      const answer = once(child, 'message');
      child.send('count');
      return (await answer)[0];
    },
    close() {
      child.disconnect();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * V8 gives memory of the young generation back while a process waits for its turn, and takes it again page by page when
 * that goes on: microseconds each, which a process that just runs does not pay. So it has one size here, V8's own largest,
 * and the process takes all of it before a turn counts.
 */
const YOUNG_GENERATION = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/** A process with the workload, warm; `run(seconds)` gives what worker.mjs tells. */
async function startWorker(receiver, { mode, rate }) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_)/.test(name));
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...Object.fromEntries(inherited), OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  if (mode in RING_SLOTS) Object.assign(env, { GPUSPAN: '1', GPUSPAN_RING_SLOTS: `${RING_SLOTS[mode]}` });
  if (mode === 'null') env['OTEL_TRACES_EXPORTER'] = 'none';
  const child = fork(join(FOLDER, 'worker.mjs'), [mode, `${rate}`], { env, execArgv: YOUNG_GENERATION });
  const ended = once(child, 'exit').then(([status]) => status);
  async function answer() {
    const told = await Promise.race([once(child, 'message'), ended]);
    if (Array.isArray(told)) return told[0];
    throw new Error(`the workload with ${mode} ended with exit status ${told}`);
  }
  await answer();
  placeApplication(child.pid);
  return {
    async run(seconds) {
      child.send({ seconds });
      return await answer();
    },
    async close() {
      child.disconnect();
      await ended;
    },
  };
}

/** One run without a break: what was offered, delivered and lost. */
export async function runOnce(receiver, mode, rate, seconds) {
  const worker = await startWorker(receiver, { mode, rate });
  // What the warm-up sent.
  await receiver.take();
  const { requests, offered, settled, lost, rssMaxMb } = await worker.run(seconds);
  await worker.close();
  const { spans, bytes } = await receiver.take();
  const delivered = mode === 'null' ? settled : Math.max(0, spans - OWNERS[mode] * requests);
  return {
    mode,
    rate,
    offered,
    delivered,
    lost: lossesOf(offered - delivered, lost),
    rssMaxMb,
    ...(spans > 0 && { bytesPerSpan: bytes / spans }),
  };
}

/**
 * What each of `runs` (results of `runOnce`) costs the application, in turns of the process with its recorder and one with
 * none: off, on, on, off, `pairs` times; the medians. Neighbours share the machine's state.
 */
export async function measureCosts(receiver, runs, pairs, say) {
  const workers = [];
  for (const { mode, rate } of runs)
    workers.push({
      off: await startWorker(receiver, { mode: 'off', rate }),
      on: await startWorker(receiver, { mode, rate }),
      turns: [],
    });
  for (let pair = 0; pair < pairs; pair++) {
    for (const { off, on, turns } of workers) {
      const first = await off.run(TURN_SECONDS);
      const second = await on.run(TURN_SECONDS);
      const third = await on.run(TURN_SECONDS);
      const last = await off.run(TURN_SECONDS);
      turns.push({ on: second, off: first }, { on: third, off: last });
    }
    say(`turns ${pair + 1} of ${pairs}`);
  }
  for (const { off, on } of workers) {
    await off.close();
    await on.close();
  }
  return workers.map(({ turns }) => ({
    appCpuNsPerSlice: median(turns.map(({ on, off }) => on.cpu - off.cpu)),
    eventLoopP99Ms: median(turns.map(({ on }) => on.p99)),
    eventLoopP99MsOff: median(turns.map(({ off }) => off.p99)),
  }));
}

/**
 * The peer at its highest rate, up to `most`, at which everything arrives: short tries find where it may be, and a run
 * that drops all the same is done again a tenth slower.
 */
export async function runPeer(receiver, most, seconds, say) {
  for (let rate = await findPeerRate(receiver, most, say); ; rate = Math.floor(rate * 0.9)) {
    const run = await runOnce(receiver, 'otel', rate, seconds);
    if (Object.keys(run.lost).length === 0 || rate <= FIRST_RATE) return run;
    say(`otel at ${rate}/s: ${run.delivered} of ${run.offered} delivered, again slower`);
  }
}

async function findPeerRate(receiver, most, say) {
  const isDelivered = async (rate) => {
    const { offered, delivered } = await runOnce(receiver, 'otel', rate, TRY_SECONDS);
    say(`otel at ${rate}/s: ${delivered} of ${offered} delivered`);
    return delivered >= offered;
  };
  let low = 0;
  let high = Math.min(FIRST_RATE, most);
  while (await isDelivered(high)) {
    if (high >= most) return high;
    low = high;
    high = Math.min(high * 2, most);
  }
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = Math.round((low + high) / 2);
    if (await isDelivered(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** By reason. The SDK tells no losses: what did not arrive was dropped. */
function lossesOf(notDelivered, told) {
  const missing = notDelivered - sum(Object.values(told));
  return missing > 0 ? { ...told, missing } : told;
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);
