// SPDX-License-Identifier: Apache-2.0
//
// A server whose callers send a traceparent or not, and a worker behind it: roles of trace-context.test.ts.
import { prefill, request as serving } from 'gpuspan/stages';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const UNSAMPLED_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** By request id. */
const CALLERS = {
  'a-none': {},
  'b-sampled': { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'vendor=1', baggage: 'tenant=a' },
  'c-same-trace': { TraceParent: `00-${TRACE}-00f067aa0ba902b7-01` },
  'd-unsampled': { traceparent: `00-${UNSAMPLED_TRACE}-00f067aa0ba902b7-00`, tracestate: 'vendor=2' },
  'e-malformed': { traceparent: '00-nonsense-01' },
};

export async function front({ tracer, does, send, receive, note }) {
  for (const [id, headers] of Object.entries(CALLERS)) {
    const request = tracer.request({ id, headers });
    does(request, serving.tokenize);
    send('worker', { id, trace: request.carrier() });
    const { onwards } = await receive();
    note({ id, level: request.level, front: request.headers(), worker: onwards });
    request.finish();
  }
  send('worker', { id: undefined });
}

export async function worker({ tracer, does, send, receive }) {
  for (let message = await receive(); message.id !== undefined; message = await receive()) {
    const request = tracer.adopt(message.trace);
    does(request, prefill.prefill_forward);
    request.leave();
    send('front', { onwards: request.headers() });
  }
}
