// SPDX-License-Identifier: Apache-2.0
//
// The demo's command line. Called by demo.mjs before anything is built or started.

import { existsSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEVICES } from '../device.mjs';

export const USAGE = `npm run demo -- [options]
  --requests N   how many requests to send at once (default 32)
  --device D     ${DEVICES.join(', ')} (default: GPUSPAN_DEVICE where that is cuda or sim,
                 else auto: OpenCL where there is a device for it; sim is a simulated CUDA device)
  --off          with tracing off
  --out FILE     where the spans go as OTLP JSON, one export request a line (default out/text-server.jsonl)
  --report FILE  a page to look at them (default: beside --out, .html)
  --trace FILE   a Perfetto trace for ui.perfetto.dev (default: beside --out, .pftrace)
  --corpus FILE  the text that the model is fitted on (default: the project's Markdown)
  --help         this text`;

const MOST_REQUESTS = 10_000;

/** What is timed is also what computes, where that is said. */
function defaultDevice(env) {
  const { GPUSPAN_DEVICE: timed = '' } = env;
  return timed === 'cuda' || timed === 'sim' ? timed : 'auto';
}

/** The same file with another ending. */
function beside(file, ending) {
  const { dir, name } = parse(file);
  return join(dir, `${name}${ending}`);
}

/** Throws an Error whose message is for the user. */
export function readOptions(args, env = process.env) {
  const { values } = parseArgs({
    args,
    options: {
      requests: { type: 'string', default: '32' },
      device: { type: 'string', default: defaultDevice(env) },
      off: { type: 'boolean', default: false },
      out: { type: 'string', default: 'out/text-server.jsonl' },
      report: { type: 'string' },
      trace: { type: 'string' },
      corpus: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const requests = Number(values.requests);
  if (!Number.isInteger(requests) || requests < 1 || requests > MOST_REQUESTS)
    throw new Error(`--requests must be an integer from 1 to ${MOST_REQUESTS}, got '${values.requests}'`);
  if (!DEVICES.includes(values.device))
    throw new Error(`--device must be one of ${DEVICES.join(', ')}, got '${values.device}'`);
  if (values.corpus !== undefined && !existsSync(values.corpus)) throw new Error(`--corpus: no file ${values.corpus}`);
  for (const name of ['out', 'report', 'trace'])
    if (values[name] === '') throw new Error(`--${name} needs the name of a file`);
  const { report = beside(values.out, '.html'), trace = beside(values.out, '.pftrace') } = values;
  if (new Set([values.out, report, trace].map((file) => resolve(file))).size < 3)
    throw new Error('--out, --report and --trace need different files');
  return { ...values, requests, report, trace };
}
