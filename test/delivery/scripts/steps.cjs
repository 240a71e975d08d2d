// SPDX-License-Identifier: Apache-2.0
//
// Does what its arguments say, one after the other, and prints the process's counts at the end. `record=N`: N requests of
// five slices with one inside each; `exporter` and `silent-exporter` (first): into an exporter object of the application's,
// which answers at once or never.
const { spawnSync } = require('node:child_process');
const { subscribe } = require('node:diagnostics_channel');
const { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } = require('node:fs');
const { recordRequests, startTracing } = require('./record.cjs');

const SLICES = 5;
const exporters = {
  exporter: (spans, done) => {
    exported += spans.length;
    done({ code: 0 });
  },
  'silent-exporter': () => undefined,
};

let exported = 0;
let tracer;
let rssMebibytes = 0;
const outages = [];

/** Leaves no room on the file system. */
function fill(path) {
  const file = openSync(path, 'w');
  for (let size = 4096; size >= 1; size = size > 1 ? size / 2 : 0) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }
  }
  closeSync(file);
}

const steps = {
  record: async (count) => {
    // In parts, so that rings do not fill up.
    for (let left = Number(count); left > 0; left -= 1000) {
      recordRequests(tracer, Math.min(left, 1000), SLICES);
      if (left > 1000) await tracer.flush();
    }
  },
  flush: () => tracer.flush(),
  shutdown: () => tracer.shutdown(),
  remove: (path) => rmSync(path, { recursive: true }),
  cut: (path) => truncateSync(path, 10),
  write: (path) => writeFileSync(path, 'of another process'),
  folder: (path) => mkdirSync(path),
  /** Of the size of files, in bytes. */
  limit: (bytes) => spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}`], { stdio: 'inherit' }),
  fill,
  /** Until something of it is delivered. */
  'record-until-delivered': async () => {
    const { delivered } = tracer.stats().reader;
    while (tracer.stats().reader.delivered === delivered) {
      recordRequests(tracer, 1, SLICES);
      await tracer.flush();
    }
  },
  /** Until so few slices are in the ring. */
  room: async (slices) => {
    while (tracer.stats().inRing > Number(slices)) await new Promise((resolve) => setTimeout(resolve, 5));
  },
  rss: () => {
    rssMebibytes = process.memoryUsage.rss() / 2 ** 20 - rssMebibytes;
  },
  exit: () => process.exit(0),
};

async function main(args) {
  const exporter = exporters[args[0]];
  tracer = startTracing(
    exporter === undefined ? {} : { exporter: { export: exporter, shutdown: async () => undefined } },
  );
  for (const name of ['begin', 'end']) {
    subscribe(`gpuspan:outage:${name}`, ({ destination }) => outages.push(`${name} ${destination}`));
  }
  // After the tracer's own handler.
  process.on('exit', () => writeSync(1, `${JSON.stringify({ ...tracer.stats(), exported, rssMebibytes, outages })}\n`));
  for (const step of exporter === undefined ? args : args.slice(1)) {
    const [name, value] = step.split('=');
    await steps[name](value);
  }
}

main(process.argv.slice(2));
