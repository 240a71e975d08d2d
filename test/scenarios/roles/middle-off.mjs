// SPDX-License-Identifier: Apache-2.0
//
// Three processes in a row, the middle one of which has tracing off: roles of middle-off.test.ts.
import { CARRIER_HEADER, carrierToHeader, carrierToHeaders, passOnHeaders } from 'gpuspan/carrier';
import { decode, prefill, request as serving } from 'gpuspan/stages';

export async function front({ tracer, does, send, receive }) {
  const request = tracer.request({ id: 'hop', headers: { baggage: 'tenant=a' } });
  does(request, serving.tokenize);
  const dispatch = request.begin(serving.api_server_dispatch);
  const trace = request.carrier();
  send('controller', { trace, headers: { ...carrierToHeaders(trace), [CARRIER_HEADER]: carrierToHeader(trace) } });
  await receive();
  request.end(dispatch);
  request.finish();
}

/** Records as if tracing were on, which must cost the trace nothing, and hands on what it was given. */
export async function controllerOfCarriers({ tracer, does, send, receive, note }) {
  const { trace } = await receive();
  const request = tracer.adopt(trace);
  does(request, serving.dpc_dispatch);
  note({ level: request.level, untouched: JSON.stringify(request.carrier()) === JSON.stringify(trace) });
  send('scheduler', { trace: request.carrier() });
  request.leave();
}

/** Only knows the headers of its incoming call, and makes an outgoing one with what is to be passed on of them. */
export async function controllerOfHeaders({ tracer, does, send, receive, note }) {
  const { headers } = await receive();
  const request = tracer.request({ id: 'not told', headers });
  does(request, serving.dpc_dispatch);
  const outgoing = passOnHeaders({ ...headers, 'content-type': 'text/plain' });
  note({ level: request.level, untouched: JSON.stringify(outgoing) === JSON.stringify(headers) });
  request.finish();
  send('scheduler', { trace: outgoing[CARRIER_HEADER] });
}

/** Forwards what it was sent. */
export async function controllerWithoutCalls({ send, receive, note }) {
  const message = await receive();
  note({ level: -1, untouched: true });
  send('scheduler', message);
}

export async function scheduler({ tracer, does, send, receive }) {
  const request = tracer.adopt((await receive()).trace);
  does(request, prefill.prefill_forward);
  does(request, decode.decode_forward);
  request.leave();
  send('front', 'done');
}
