// SPDX-License-Identifier: Apache-2.0
//
// A prefill and a decode worker that share a request: roles of disaggregation.test.ts.
import * as stages from 'gpuspan/stages';

const { request: serving, prefill: prefilling, decode: decoding, events } = stages;

/** Sends the request on while the dispatch and the transfer in it are still open, and ends both once it has arrived. */
export async function prefill({ tracer, does, send, receive }) {
  const request = tracer.request({ id: 'pd-1', attributes: { bootstrap_room: '1f' } });
  does(request, serving.tokenize, { tokens: 40 });
  const forward = request.begin(prefilling.prefill_forward);
  for (const tokens of [32, 8]) does(request, prefilling.chunked_prefill, { tokens });
  request.end(forward);
  const dispatch = request.begin(serving.api_server_dispatch);
  const transfer = request.begin(prefilling.prefill_transfer_kv_cache);
  send('decode', { trace: request.carrier() });
  await receive();
  request.end(transfer, { bytes: 4096 });
  request.end(dispatch);
  request.leave();
  send('decode', 'transferred');
  const { tokens } = await receive();
  request.finish({ attributes: { 'gen_ai.usage.output_tokens': tokens } });
}

export async function decode({ tracer, does, work, send, receive }) {
  const request = tracer.adopt((await receive()).trace);
  does(request, decoding.decode_prepare);
  send('prefill', 'prepared');
  const transferred = request.begin(decoding.decode_transferred);
  await receive();
  const waiting = request.next(transferred, decoding.decode_waiting);
  work();
  const forward = request.next(waiting, decoding.decode_forward);
  request.event(events.first_token);
  for (const step of [0, 1]) does(request, decoding.decode_loop, { decode_ct: step });
  request.end(forward, { output_tokens: 2 });
  request.leave({ attributes: { bootstrap_room: '1f' } });
  send('prefill', { tokens: 2 });
}

/** Its dispatch is over before the request leaves: then the last first-level slice is the link. */
export async function prefillThenDispatch({ tracer, does, send, receive }) {
  const request = tracer.request({ id: 'pd-2' });
  does(request, prefilling.prefill_forward);
  does(request, serving.api_server_dispatch);
  request.leave();
  send('decode', { trace: request.carrier() });
  await receive();
  request.finish();
}

export async function decodeAtOnce({ tracer, does, send, receive }) {
  const request = tracer.adopt((await receive()).trace);
  does(request, decoding.decode_forward);
  request.leave();
  send('prefill', 'done');
}
