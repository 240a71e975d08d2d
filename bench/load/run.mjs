// SPDX-License-Identifier: Apache-2.0
//
// Runs the workload against the receiver: once, in pairs with and without recording, and for the peer at the highest rate
// at which it drops nothing. Used by scripts/load.mjs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../statistics.mjs';

const FOLDER = import.meta.dirname;
/** gpuspan's, 64 bytes each. `null` is for ten times the rate: room for half a second of it. */
export const RING_SLOTS = { gpuspan: 262_144, null: 1_048_576 };
/** Of a search's tries. */
const TRY_SECONDS = 3;
const FIRST_RATE = 2_000;
const BISECTIONS = 4;

/** A receiver process; `take()` gives what arrived since the last call. */
export async function startReceiver() {
  const folder = mkdtempSync(join(tmpdir(), 'gpuspan-load-'));
  const child = fork(join(FOLDER, 'receiver.mjs'), [join(folder, 'stored')]);
  const [{ port }] = await once(child, 'message');
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

/** One run of the workload: what it cost, what was offered, what arrived. */
export async function runOnce(receiver, mode, rate, seconds) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_)/.test(name));
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...Object.fromEntries(inherited), OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
  if (mode in RING_SLOTS) Object.assign(env, { GPUSPAN: '1', GPUSPAN_RING_SLOTS: `${RING_SLOTS[mode]}` });
  if (mode === 'null') env['OTEL_TRACES_EXPORTER'] = 'none';
  const child = fork(join(FOLDER, 'worker.mjs'), [mode, String(rate), String(seconds)], { env });
  /** @type {any} what worker.mjs says */
  let told;
  child.on('message', async (message) => {
    if (message === 'warm') {
      await receiver.take();
      child.send('go');
    } else told = message;
  });
  const [status] = await once(child, 'exit');
  if (status !== 0 || told === undefined) throw new Error(`the workload with ${mode} ended with exit status ${status}`);
  const { spans, bytes } = await receiver.take();
  return { ...told, offered: told.slices, delivered: deliveredOf(mode, told, spans), bytes, spans };
}

function deliveredOf(mode, { requests, settled }, spans) {
  if (mode === 'null') return settled;
  if (mode === 'off') return 0;
  // Root spans, and gpuspan's worker spans, are not slices.
  return Math.max(0, spans - { gpuspan: 2, otel: 1 }[mode] * requests);
}

/**
 * `pairs` times off, on, on, off: neighbours share the machine's state. Medians of the differences of CPU and event-loop
 * delay, sums of what was offered, delivered and lost.
 */
export async function runPairs(receiver, mode, rate, seconds, pairs, say) {
  const on = [];
  const cpu = [];
  const delays = [];
  for (let pair = 0; pair < pairs; pair++) {
    const runs = [];
    for (const which of ['off', mode, mode, 'off']) runs.push(await runOnce(receiver, which, rate, seconds));
    say(`${mode} at ${rate}/s: pair ${pair + 1} of ${pairs}`);
    const [first, second, third, last] = runs;
    on.push(second, third);
    for (const [off, own] of [
      [first, second],
      [last, third],
    ]) {
      cpu.push((own.cpuNanos - off.cpuNanos) / own.slices);
      delays.push([own.eventLoopP99Ms, off.eventLoopP99Ms]);
    }
  }
  return {
    rate,
    offered: sum(on.map((run) => run.offered)),
    delivered: sum(on.map((run) => run.delivered)),
    lost: lossesOf(on),
    appCpuNsPerSlice: median(cpu),
    eventLoopP99Ms: median(delays.map(([own]) => own)),
    eventLoopP99MsOff: median(delays.map(([, off]) => off)),
    rssMaxMb: Math.max(...on.map((run) => run.rssMaxMb)),
    bytesPerSpan: sum(on.map((run) => run.bytes)) / Math.max(1, sum(on.map((run) => run.spans))),
  };
}

/**
 * The peer's pairs at its highest rate, up to `most`, at which everything arrives: short tries find where it may be, and
 * pairs that drop all the same are done again a tenth slower.
 */
export async function runPeer(receiver, most, seconds, pairs, say) {
  for (let rate = await findPeerRate(receiver, most, say); ; rate = Math.floor(rate * 0.9)) {
    const result = await runPairs(receiver, 'otel', rate, seconds, pairs, say);
    if (Object.keys(result.lost).length === 0 || rate <= FIRST_RATE) return result;
    say(`otel at ${rate}/s: ${result.delivered} of ${result.offered} delivered, again slower`);
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
export function lossesOf(runs) {
  const lost = {};
  for (const run of runs)
    for (const [reason, count] of Object.entries(run.lost)) lost[reason] = (lost[reason] ?? 0) + count;
  const missing = sum(runs.map((run) => run.offered - run.delivered)) - sum(Object.values(lost));
  return missing > 0 ? { ...lost, missing } : lost;
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);
