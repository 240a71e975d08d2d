// SPDX-License-Identifier: Apache-2.0
//
// A made-up trace whose times are plain: what the page shows of it is known. Used by the tests of this folder.
import { fileOf, type MadeSpan, otlpRequest } from '../cli/otlp';

export const MS = 1_000_000;

const owner = { 'gpuspan.request.level': 2 };
const gpu = (stream: number, delay: number) => ({
  'gpu.time.source': 'simulated',
  'gpu.time.bound_ns': 500,
  'gpu.time.clamped': false,
  'gpu.device': 0,
  'gpu.stream': stream,
  'gpu.uuid': 'GPU-1',
  'gpu.queue_delay_ns': delay,
});
const worker = (trace: number, start: number, end: number, more: MadeSpan['attributes'] = {}): MadeSpan => ({
  trace,
  id: trace * 100 + 1,
  parent: trace * 100,
  name: 'DecodeWorker',
  start,
  end,
  attributes: {
    ...owner,
    'gpuspan.worker.label': 'DecodeWorker',
    'thread.id': 7,
    'gpuspan.worker.tp_rank': 0,
    ...more,
  },
});

/** Of request 1, in ms from its start: what the page must show where. */
export const SLICES = {
  tokenize: { start: 0, end: 10 },
  forward: { start: 12, end: 50 },
  launch: { start: 14, end: 16 },
  kernel: { start: 20, end: 44 },
} as const;

/** Request 1 of 60 ms with nested slices and a GPU slice; request 2 of 40 ms that failed, 10 ms later. */
export const SPANS: readonly MadeSpan[] = [
  { trace: 1, id: 100, name: 'request', end: 60 * MS, attributes: { ...owner, rid: 'rid-1', model: 'toy' } },
  worker(1, 0, 55 * MS, { 'gpuspan.lost.ring': 3 }),
  { trace: 1, id: 110, parent: 101, name: 'tokenize', start: 0, end: 10 * MS, attributes: { tokens: 17 } },
  { trace: 1, id: 111, parent: 101, name: 'forward', start: 12 * MS, end: 50 * MS, link: [1, 110] },
  { trace: 1, id: 112, parent: 111, name: 'launch', start: 14 * MS, end: 16 * MS },
  {
    trace: 1,
    id: 113,
    parent: 112,
    name: 'kernel',
    start: 20 * MS,
    end: 44 * MS,
    attributes: { ...gpu(0, 5 * MS), 'gpu.launch_time_ns': '1700000000015000000' },
  },
  {
    trace: 2,
    id: 200,
    name: 'request',
    start: 10 * MS,
    end: 50 * MS,
    attributes: { ...owner, rid: 'rid-2' },
    error: true,
  },
  worker(2, 10 * MS, 50 * MS, { 'gpuspan.lost.ring': 5 }),
  { trace: 2, id: 211, parent: 201, name: 'forward', start: 12 * MS, end: 48 * MS },
  { trace: 2, id: 212, parent: 211, name: 'kernel', start: 46 * MS, end: 48 * MS, attributes: gpu(0, MS) },
];

export const traceFile = (): string => fileOf([otlpRequest(SPANS)]);
