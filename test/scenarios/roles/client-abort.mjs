// SPDX-License-Identifier: Apache-2.0
//
// A client that goes away while its answer is streamed: roles of client-abort.test.ts.
import { decode, events, request as serving } from 'gpuspan/stages';

export async function front({ tracer, does, send, receive }) {
  const request = startStream(tracer, send);
  await streamTwo(request, does, receive);
  const write = request.begin(serving.stream_write);
  request.event(events.client_abort);
  // The worker drops it first, then the request ends.
  send('scheduler', { cancel: true });
  await receive();
  request.abort(new Error('the client went away'));
  request.end(write);
}

/** Ends the request at once: its worker hears of it when the root span is long gone. */
export async function hastyFront({ tracer, does, send, receive }) {
  const request = startStream(tracer, send);
  await streamTwo(request, does, receive);
  request.begin(serving.stream_write);
  request.abort('client went away');
  await tracer.flush();
  send('scheduler', { cancel: true });
  await receive();
}

function startStream(tracer, send) {
  const request = tracer.request({ id: 'stream' });
  const dispatch = request.begin(serving.api_server_dispatch);
  send('scheduler', { trace: request.carrier() });
  request.end(dispatch);
  return request;
}

async function streamTwo(request, does, receive) {
  for (let left = 2; left > 0; left--) {
    const { token } = await receive();
    does(request, serving.stream_write, { token });
  }
}

export async function scheduler({ tracer, send, receive }) {
  const request = tracer.adopt((await receive()).trace);
  request.begin(decode.decode_forward);
  for (const token of [0, 1]) send('front', { token });
  await receive();
  request.begin(decode.decode_loop);
  request.event(events.cancelled, { output_tokens: 2 });
  request.leave({ attributes: { output_tokens: 2 } });
  send('front', 'dropped');
}
