// SPDX-License-Identifier: Apache-2.0
//
// Prints the nice value of each thread of a process that has delivered a slice, when its parent says that it has.
const { readdirSync, readFileSync } = require('node:fs');
const { defineStages, start } = require('gpuspan');

const { step } = defineStages('priority', { step: { level: 1 } });
const tracer = start({ serviceName: 'priority' });
const request = tracer.request();
request.end(request.begin(step));
request.finish();

// Field 19 of proc(5)'s stat; the name, field 2, may contain spaces.
function niceOf(thread) {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

// Neither a flush nor a file: this thread must not be the first that needs the process's thread pool.
process.once('SIGUSR2', () => {
  console.log(JSON.stringify(readdirSync('/proc/self/task').map(niceOf)));
  process.exit();
});
setInterval(() => {}, 60_000);
