// SPDX-License-Identifier: Apache-2.0
//
// `npm run load`: what recording costs an application under load, and what arrives, beside OpenTelemetry's SDK at its
// highest rate. A scripted workload in one process, a receiver that only stores bytes in another. Linux only: it reads
// the CPU time of one thread.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureCosts, RING_SLOTS, runOnce, runPeer, startReceiver } from '../bench/load/run.mjs';
import { SetupError } from './toolchain.mjs';

const USAGE = `usage: npm run load -- [--rate R] [--seconds S] [--pairs N] [--peer otel|none] [--sink S] [--json FILE]
  --rate R      slices a second (100000)
  --seconds S   of the run that must arrive whole (30)
  --pairs N     times off, on, on, off: what it costs (10)
  --peer P      otel: the SDK with BatchSpanProcessor and the OTLP exporter, at its highest rate without drops (otel)
  --sink S      otlp: the receiver; null: every slice is encoded by the reader, and let go (otlp)
  --json FILE   the figures`;

function integer(name, text, most) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  throw new SetupError(`--${name} must be an integer from 1 to ${most}, got ${JSON.stringify(text)}`);
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        rate: { type: 'string', default: '100000' },
        seconds: { type: 'string', default: '30' },
        pairs: { type: 'string', default: '10' },
        peer: { type: 'string', default: 'otel' },
        sink: { type: 'string', default: 'otlp' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new SetupError(`${error.message}\n${USAGE}`);
  }
}

async function main() {
  const values = parse();
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const rate = integer('rate', values.rate, 10_000_000);
  const seconds = integer('seconds', values.seconds, 3600);
  const pairs = integer('pairs', values.pairs, 100);
  if (values.peer !== 'otel' && values.peer !== 'none') {
    throw new SetupError(`--peer must be otel or none, got ${JSON.stringify(values.peer)}\n${USAGE}`);
  }
  if (values.sink !== 'otlp' && values.sink !== 'null') {
    throw new SetupError(`--sink must be otlp or null, got ${JSON.stringify(values.sink)}\n${USAGE}`);
  }
  const mode = values.sink === 'null' ? 'null' : 'gpuspan';
  const say = (line) => process.stderr.write(`load: ${line}\n`);
  const receiver = await startReceiver();
  try {
    const own = await runOnce(receiver, mode, rate, seconds);
    say(`${mode} at ${rate}/s: ${own.delivered} of ${own.offered} delivered`);
    const peer = values.peer === 'otel' ? await runPeer(receiver, rate, seconds, say) : undefined;
    const costs = await measureCosts(receiver, peer === undefined ? [own] : [own, peer], pairs, say);
    const result = {
      machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
      node: process.versions.node,
      seconds,
      pairs,
      ringSlots: RING_SLOTS[mode],
      ...own,
      ...costs[0],
      ...(peer !== undefined && {
        peer: { ...peer, ...costs[1] },
        peerCpuRatio: costs[1].appCpuNsPerSlice / costs[0].appCpuNsPerSlice,
        peerAtSameRate: await runOnce(receiver, 'otel', rate, seconds),
      }),
    };
    console.log(JSON.stringify(result, null, 2));
    if (values.json)
      writeFileSync(resolve(process.env.INIT_CWD ?? '.', values.json), `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    receiver.close();
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`load: ${error.message}`);
  process.exitCode = 2;
}
