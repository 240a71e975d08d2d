// SPDX-License-Identifier: Apache-2.0
//
// Files of OTLP JSON of any size with the spans of a model server: requests on workers of two processes, each with
// nested slices, GPU slices and events, written as they end. Used by the tests of this folder and scripts/convert-big.mjs.
import { closeSync, openSync, writeSync } from 'node:fs';
import { BASE, type MadeSpan, otlpSpan } from './otlp';

const SPANS_A_LINE = 64;
const STEP = 1_000_000;

/** Writes about `bytes`; returns how many spans that is. */
export function writeBigFile(path: string, bytes: number): number {
  const file = openSync(path, 'w');
  let written = 0;
  let spans = 0;
  const pending: object[][] = [[], []];
  for (let request = 0; written < bytes; request++) {
    const service = request % 2;
    for (const span of requestSpans(request)) pending[service]!.push(span);
    if (pending[service]!.length < SPANS_A_LINE) continue;
    written += writeSync(file, `${JSON.stringify(exported(pending[service]!, service))}\n`);
    spans += pending[service]!.length;
    pending[service] = [];
  }
  closeSync(file);
  return spans;
}

/** 16 requests are there at a time; a request's spans, in the order of their ends. */
function requestSpans(request: number): object[] {
  const first = request * 32 + 1;
  const start = request * STEP;
  // No two neighbours last as long as each other.
  const end = start + 16 * STEP + (request % 997);
  const span = (made: Omit<MadeSpan, 'trace'>) => otlpSpan({ trace: request + 1, ...made });
  const worker = { 'gpuspan.request.level': 3, 'gpuspan.worker.label': 'DecodeWorker', 'thread.id': 7 };
  const steps = Array.from({ length: 12 }, (_, step) => {
    const at = start + (step + 2) * STEP;
    const id = first + 4 + 2 * step;
    return [
      span({ id: id + 1, parent: id, name: 'gpu_forward', start: at + 1000, end: at + 600_000, attributes: gpu(at) }),
      span({
        id,
        parent: first + 3,
        name: 'decode_loop',
        start: at,
        end: at + 900_000,
        attributes: { decode_ct: step },
      }),
    ];
  });
  return [
    span({ id: first + 2, parent: first + 1, name: 'tokenize', start, end: start + STEP, attributes: { tokens: 17 } }),
    ...steps.flat(),
    span({ id: first + 3, parent: first + 1, name: 'decode_forward', start: start + STEP, end: end - 1000 }),
    span({ id: first + 1, parent: first, name: 'DecodeWorker', start, end, attributes: worker }),
    span({ id: first, name: 'request', start, end, attributes: { 'gpuspan.request.level': 3, rid: `rid-${request}` } }),
  ];
}

function gpu(at: number) {
  return {
    'gpu.time.source': 'simulated',
    'gpu.time.bound_ns': 500,
    'gpu.device': 0,
    'gpu.stream': 1,
    'gpu.launch_time_ns': String(BASE + BigInt(at)),
    'gpu.queue_delay_ns': 1000,
  };
}

function exported(spans: object[], service: number): object {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const attributes = [
    text('service.name', `decoder-${service}`),
    text('host.name', 'node-1'),
    { key: 'process.pid', value: { intValue: String(100 + service) } },
  ];
  return { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: 'gpuspan' }, spans }] }] };
}
