// SPDX-License-Identifier: Apache-2.0
//
// What all parties of the model test agree on: the stages and events that programs use, and who is in the pool. Plain
// data, read by the pool's members, the model and the runner.

/** Two modules, every level. The position in this list is the stage's number in a program. */
export const STAGES = [
  { module: 'model_a', name: 'a1', level: 1 },
  { module: 'model_a', name: 'a1_too', level: 1 },
  { module: 'model_a', name: 'a2', level: 2 },
  { module: 'model_a', name: 'a3', level: 3 },
  { module: 'model_a', name: 'a4', level: 4 },
  { module: 'model_b', name: 'b1', level: 1 },
  { module: 'model_b', name: 'b2', level: 2 },
  { module: 'model_b', name: 'b3', level: 3 },
];

export const EVENTS = [
  { module: 'model_a', name: 'a1_event', level: 1 },
  { module: 'model_b', name: 'b2_event', level: 2 },
  { module: 'model_a', name: 'a3_event', level: 3 },
];

/**
 * The pool: forked processes, each with worker_threads. `modules` undefined: all. `otlp`: its spans come through the
 * export thread and an OTLP receiver; else through an exporter on its main thread.
 */
export const PROCESSES = [
  { name: 'alpha', level: 2, modules: undefined, expandLevel: 2, threads: 2, otlp: false },
  { name: 'beta', level: 4, modules: undefined, expandLevel: 4, threads: 1, otlp: true },
  { name: 'gamma', level: 3, modules: ['model_a'], expandLevel: 1, threads: 0, otlp: false },
];

/** Name of the requests that are there only so that a thread follows new settings. */
export const FOLLOWER = 'follower';

/** Every thread of the pool that runs programs: its label is unique. */
export const ACTORS = PROCESSES.flatMap(({ name, threads }, process) =>
  Array.from({ length: threads + 1 }, (_, thread) => ({ label: `${name}-${thread}`, process, thread })),
);
