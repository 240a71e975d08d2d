// SPDX-License-Identifier: Apache-2.0
//
// What tracing that is off costs JavaScript: begin and end, the scope helper and a wrapped function, on the inert tracer. Request and
// stage are picked from tables in both loops, so that neither is hoisted out of one of them.
import { start } from 'gpuspan';
import { measurePair, report, row } from './statistics.mjs';
import { REQUESTS, STAGES, stages } from './tracing.mjs';

const OPERATIONS = 200_000;
const tracer = start();
if (tracer.enabled) throw new Error('tracing is on');
const requests = Array.from({ length: REQUESTS }, (_, index) => tracer.request({ id: `r${index}` }));
const body = (token) => token;
let sink = 0;

function pairs(operations) {
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const stage = stages[(i >> 3) & (STAGES - 1)];
    const token = request.begin(stage);
    sum += request.level + stage.gate;
    request.end(token);
  }
  sink += sum;
}

function loads(operations) {
  let sum = 0;
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const stage = stages[(i >> 3) & (STAGES - 1)];
    sum += request.level + stage.gate;
  }
  sink += sum;
}

function scopes(operations) {
  let total = 0;
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const stage = stages[(i >> 3) & (STAGES - 1)];
    total += request.level + stage.gate + request.slice(stage, body);
  }
  sink += total;
}

function calls(operations) {
  let result = 0;
  for (let i = 0; i < operations; i++) {
    const request = requests[i & (REQUESTS - 1)];
    const stage = stages[(i >> 3) & (STAGES - 1)];
    result += request.level + stage.gate + body(0);
  }
  sink += result;
}

const plain = stages.map(() => (value) => value + 1);
const wrapped = stages.map((stage) => stage.wrap((value) => value + 1));

function wraps(operations) {
  let result = 0;
  for (let i = 0; i < operations; i++) result += wrapped[(i >> 3) & (STAGES - 1)](i);
  sink += result;
}

function plainCalls(operations) {
  let plainly = 0;
  for (let i = 0; i < operations; i++) plainly += plain[(i >> 3) & (STAGES - 1)](i);
  sink += plainly;
}

const pair = { id: 'off.js', what: 'loop with a disabled begin + end', reference: 'the loop' };
const scope = { id: 'off.scope', what: 'loop with a disabled slice(stage, body)', reference: 'the loop calling body' };
const wrap = {
  id: 'off.wrap',
  what: 'loop calling a disabled wrapped function',
  reference: 'the loop calling the function',
};
const rows = [
  row(pair, await measurePair(pairs, loads, { operations: OPERATIONS })),
  row(scope, await measurePair(scopes, calls, { operations: OPERATIONS })),
  row(wrap, await measurePair(wraps, plainCalls, { operations: OPERATIONS })),
];
if (!Number.isFinite(sink)) throw new Error('the loops computed nothing');
report(rows);
