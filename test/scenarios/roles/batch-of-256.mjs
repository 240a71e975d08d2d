// SPDX-License-Identifier: Apache-2.0
//
// A batch of 256 requests of the levels 1 to 3 and without a sample: roles of batch-of-256.test.ts.
import * as stages from 'gpuspan/stages';

const { decode, prefill, pipeline } = stages;
const MEMBERS = 256;
const UNSAMPLED = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';

/** Member i has level i % 4, 0 being that its caller does not sample it. */
export async function front({ tracer, send, receive }) {
  const requests = [];
  for (let member = 0; member < MEMBERS; member++) {
    const level = member % 4;
    if (level > 0) tracer.setLevel(level);
    const headers = level === 0 ? { traceparent: UNSAMPLED } : undefined;
    requests.push(tracer.request({ id: `m${String(member).padStart(3, '0')}`, headers }));
  }
  send('scheduler', { traces: requests.map((request) => request.carrier()) });
  await receive();
  for (const request of requests) request.finish();
}

/** Stages of every level, and members that leave before the last. */
export async function scheduler({ tracer, work, send, receive }) {
  const { traces } = await receive();
  const requests = traces.map((trace) => tracer.adopt(trace));
  const batch = tracer.batch(requests, { attributes: { forward_mode: 'decode' } });
  const numbers = requests.map((_, member) => member);
  const outer = batch.begin(prefill.prefill_forward);
  for (const stage of [pipeline.pp_forward, decode.decode_loop]) {
    const token = batch.begin(stage);
    work();
    batch.endSlice(token, { rows: MEMBERS }, { member: numbers });
  }
  batch.endSlice(outer, { rows: MEMBERS }, { member: numbers });
  for (const request of requests.slice(0, MEMBERS / 2)) request.leave();
  const rest = batch.begin(decode.decode_forward);
  work();
  batch.endSlice(rest, undefined, { member: numbers });
  batch.end();
  for (const request of requests.slice(MEMBERS / 2)) request.leave();
  send('front', 'done');
}
