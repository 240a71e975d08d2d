// SPDX-License-Identifier: Apache-2.0
//
// Speculative decoding of three requests in one batch, the members of which change: roles of
// speculative-decoding.test.ts.
import * as stages from 'gpuspan/stages';

const { decode, speculative, events } = stages;
const MEMBERS = 3;
/** What the model accepts of the guesses, by step and member; the first member is done after the first step. */
const ACCEPTED = [
  [3, 1, 0],
  [2, 4],
];

export async function front({ tracer, send, receive }) {
  const requests = Array.from({ length: MEMBERS }, (_, member) => tracer.request({ id: `spec-${member}` }));
  for (const [member, request] of requests.entries()) send('scheduler', { member, trace: request.carrier() });
  for (let left = MEMBERS; left > 0; left--) {
    const { member, tokens } = await receive();
    requests[member].finish({ attributes: { tokens } });
  }
}

export async function scheduler({ tracer, work, send, receive }) {
  const running = [];
  for (let left = MEMBERS; left > 0; left--) {
    const { member, trace } = await receive();
    const request = tracer.adopt(trace);
    running.push({ member, request, tokens: 0, forward: request.begin(decode.decode_forward) });
    work();
  }
  let batch;
  for (const accepted of ACCEPTED) {
    batch = tracer.batch(
      running.map(({ request }) => request),
      { previous: batch, attributes: { forward_mode: 'target_verify' } },
    );
    decodeStep(batch, running, accepted, work);
    batch.end();
    leaveFirst(running, send);
  }
  while (running.length > 0) leaveFirst(running, send);
}

function decodeStep(batch, running, accepted, work) {
  const draft = batch.begin(speculative.spec_draft);
  work();
  const verify = batch.next(draft, speculative.spec_verify, { rows: running.length });
  work();
  // While the slice is open: the batch's in it, the member's own in what that has open.
  batch.event(events.spec_accept, { accepted_tokens: accepted.reduce((sum, count) => sum + count) });
  for (const [index, one] of running.entries()) {
    one.request.event(events.spec_accept, { accepted_tokens: accepted[index] });
    one.tokens += accepted[index];
  }
  batch.endSlice(verify, { drafted: 4 }, { accepted_tokens: accepted });
}

function leaveFirst(running, send) {
  const { member, request, tokens, forward } = running.shift();
  request.end(forward, { tokens });
  request.leave();
  send('front', { member, tokens });
}
