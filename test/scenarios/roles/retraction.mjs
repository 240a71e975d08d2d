// SPDX-License-Identifier: Apache-2.0
//
// A request that loses its memory to others: roles of retraction.test.ts. The front end says what happens when.
import * as stages from 'gpuspan/stages';

const { request: serving, prefill, decode, events } = stages;

export async function front({ tracer, send, receive }) {
  const request = tracer.request({ id: 'retracted' });
  const dispatch = request.begin(serving.api_server_dispatch);
  send('scheduler', { trace: request.carrier() });
  request.end(dispatch);
  request.leave();
  for (const turn of ['run', 'retract', 'run', 'retract', 'run', 'complete']) {
    send('scheduler', { turn });
    await receive();
  }
  request.finish({ attributes: { retractions: 2 } });
}

export async function scheduler({ tracer, work, send, receive }) {
  const request = tracer.adopt((await receive()).trace);
  let token = request.begin(prefill.prefill_waiting);
  let kept = 0;
  const turns = {
    run() {
      const computed = request.next(token, prefill.prefill_forward);
      work();
      token = request.next(computed, decode.decode_forward, { prefix: kept });
      kept += 3;
    },
    // The slice of the work ends with it: what is computed again lies beside it, not within.
    retract() {
      request.event(events.retract, { kept });
      token = request.next(token, serving.retract_wait, { output_tokens: kept });
    },
    complete() {
      request.end(token, { output_tokens: kept });
      request.leave();
    },
  };
  for (let turn = 'wait'; turn !== 'complete'; ) {
    ({ turn } = await receive());
    turns[turn]();
    send('front', 'done');
  }
}
