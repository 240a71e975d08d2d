// SPDX-License-Identifier: Apache-2.0
//
// n answers to one prompt: roles of parallel-sampling.test.ts. The front end sends one carrier n times; every child is a
// stay of the same request on the scheduler, which decodes all of them in one batch.
import * as stages from 'gpuspan/stages';

const { request: serving, prefill, decode } = stages;
const CHILDREN = 4;

export async function front({ tracer, does, send, receive }) {
  const request = tracer.request({ id: 'n-4', attributes: { 'gen_ai.request.choice.count': CHILDREN } });
  does(request, serving.tokenize);
  const dispatch = request.begin(serving.api_server_dispatch);
  for (let child = 0; child < CHILDREN; child++) send('scheduler', { child, trace: request.carrier() });
  request.end(dispatch);
  for (let left = CHILDREN; left > 0; left--) {
    const { child } = await receive();
    does(request, serving.detokenize, { child });
  }
  request.finish();
}

export async function scheduler({ tracer, does, send, receive }) {
  const children = [];
  for (let left = CHILDREN; left > 0; left--) {
    const { child, trace } = await receive();
    const request = tracer.adopt(trace);
    children.push({ child, request, forward: 0 });
    does(request, prefill.prefill_forward, { child });
  }
  for (const one of children) one.forward = one.request.begin(decode.decode_forward);
  const batch = tracer.batch(children.map(({ request }) => request));
  const loop = batch.begin(decode.decode_loop);
  batch.endSlice(loop, { step: 0 }, { decode_ct: children.map(({ child }) => 10 + child) });
  batch.end();
  // The last child is done first: each ends by itself.
  for (const { child, request, forward } of children.reverse()) {
    request.end(forward, { output_tokens: child + 1 });
    request.leave({ attributes: { child } });
    send('front', { child });
  }
}
