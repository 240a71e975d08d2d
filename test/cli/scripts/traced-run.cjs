// SPDX-License-Identifier: Apache-2.0
//
// Records requests, nested, touching and retroactive slices, errors, events and a batch, to wherever the variables say.
// Started by perfetto-input.test.ts.
const { start, defineStages, defineEvents } = require('gpuspan');

const stages = defineStages('request', {
  tokenize: { level: 1 },
  forward: { level: 1 },
  decode_loop: { level: 2 },
  step: { level: 1 },
});
const events = defineEvents('request', { retract: { level: 1 } });
const tracer = start({ serviceName: 'decoder', worker: { label: 'DecodeWorker', tpRank: 3 } });

function record(index) {
  const request = tracer.request({ id: `rid-${index}`, attributes: { index } });
  request.record(stages.tokenize, tracer.now() - 50_000n, tracer.now());
  let token = request.begin(stages.forward);
  const inner = request.begin(stages.decode_loop);
  request.event(events.retract, { kept: index });
  request.end(inner, { tokens: 17, text: 'ä' });
  token = request.next(token, stages.forward);
  request.end(token);
  return request;
}

const requests = Array.from({ length: 30 }, (_, index) => record(index));
const batch = tracer.batch(requests.slice(0, 10), { attributes: { forward_mode: 'decode' } });
for (let step = 0; step < 20; step++) batch.endSlice(batch.begin(stages.step), { step });
batch.end();
for (const [index, request] of requests.entries()) {
  if (index === 7) request.abort(new Error('the client went away'));
  else request.finish({ attributes: { 'gen_ai.usage.output_tokens': index } });
}
void tracer.shutdown();
