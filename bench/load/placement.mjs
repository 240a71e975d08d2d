// SPDX-License-Identifier: Apache-2.0
//
// Which processor runs what under load: the application's thread has one of its own, as a thread that feeds a GPU should;
// its process's other threads and the receiver share another. Left to the kernel, which of them meet on a processor, and
// so evict each other's caches, is chance. Used by run.mjs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The first and the last processor that this process may use; undefined: there is only one. */
function findProcessors() {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const numbers = list.split(/[,-]/);
  const [first, last] = [numbers.at(0), numbers.at(-1)];
  return first === last ? undefined : { application: last, others: first };
}

const processors = findProcessors();

const taskset = (...args) => execFileSync('taskset', args, { stdio: 'ignore' });

/** Every thread of a process beside the application's. */
export function placeBeside(pid) {
  if (processors !== undefined) taskset('--all-tasks', '--cpu-list', '--pid', processors.others, `${pid}`);
}

/** A process whose main thread is the application's. Threads that it starts later are with it. */
export function placeApplication(pid) {
  if (processors === undefined) return;
  placeBeside(pid);
  taskset('--cpu-list', '--pid', processors.application, `${pid}`);
}
