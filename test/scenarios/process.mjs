// SPDX-License-Identifier: Apache-2.0
//
// A process of a scenario: starts a tracer, plays one role of a file of roles/, delivers everything and ends on its own.
// Forked by scenario.ts, which relays what the roles send each other; nothing here waits for time to pass.
import { start } from 'gpuspan';

/** Two stamps that the reader converts at different times may be a microsecond or two off: docs/design/spans.md. */
const APART_NANOS = 10_000n;

const { file, role, name, options } = JSON.parse(process.env.SCENARIO);
const tracer = start({ serviceName: name, device: 'none', worker: { label: role }, ...options });
const arrived = [];
let wake;
process.on('message', (message) => {
  arrived.push(message);
  wake?.();
});

/** Some work: what begins before it starts before what begins after it, however the stamps are converted. */
function work() {
  for (const until = tracer.now() + APART_NANOS; tracer.now() < until; );
}

/** What a role gets. */
const stage = {
  tracer,
  work,
  /** A slice of `request` that does some work. */
  does(request, kind, attributes) {
    const token = request.begin(kind);
    work();
    request.end(token, attributes);
  },
  /** To the process of that name, as JSON. */
  send: (to, message) => process.send({ to, message }),
  /** The next message, in the order of arrival. */
  async receive() {
    while (arrived.length === 0) await new Promise((resolve) => (wake = resolve));
    return arrived.shift();
  },
  /** Tells the test something that no span says. */
  note: (note) => process.send({ note }),
};

const roles = await import(new URL(`roles/${file}.mjs`, import.meta.url));
await roles[role](stage);
await tracer.shutdown();
const { lost, lostOwners, reader, refusedCarriers } = tracer.stats();
process.send({
  ended: { enabled: tracer.enabled, losses: { ...lost, ...lostOwners, ...reader.lost }, refusedCarriers },
});
process.disconnect();
