// SPDX-License-Identifier: Apache-2.0
//
// The README's example: one request, two slices, an event, delivered to an OpenTelemetry receiver. Run it with
// `GPUSPAN=1 node examples/first-trace/first-trace.mjs`; without the variable it runs the same and records nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { defineEvents, defineStages, start } from 'gpuspan';
import { query, startReceiver } from 'gpuspan/testing';

const receiver = await startReceiver(); // stands in for your collector
process.env.OTEL_EXPORTER_OTLP_ENDPOINT ??= receiver.url;

const stages = defineStages('request', { tokenize: { level: 1 }, forward: { level: 1 }, sample: { level: 2 } });
const events = defineEvents('request', { first_token: { level: 1 } });

const tracer = start({ serviceName: 'first-trace', worker: { label: 'Worker' } });
const request = tracer.request({ id: 'r-1', name: 'generate' });
await request.slice(stages.tokenize, () => sleep(2));
const forward = request.begin(stages.forward);
await request.slice(stages.sample, () => sleep(1));
request.event(events.first_token);
request.end(forward, { tokens: 17 });
request.finish();
await tracer.shutdown();

const spans = query(receiver.spans);
for (const root of spans.roots()) console.log(spans.tree(root));
if (!tracer.enabled) console.log(`nothing recorded: ${tracer.reason}`);
await receiver.close();
