// SPDX-License-Identifier: Apache-2.0
//
// node:diagnostics_channel: what a subscriber hears of starts, ends, losses and outages, on the thread that subscribes.
import { startReceiver } from 'gpuspan/testing';
import { expect, it } from 'vitest';
import { runProgram } from './child';

const SET_UP = `
  import { subscribe } from 'node:diagnostics_channel';
  import { defineStages, start } from 'gpuspan';
  const { work } = defineStages('test', { work: { level: 1 } });
  const heard = [];
  const CHANNELS = ['start', 'shutdown', 'loss', 'outage:begin', 'outage:end'];
  const waiting = new Map();
  for (const name of CHANNELS)
    subscribe('gpuspan:' + name, (message) => {
      heard.push([name, message]);
      waiting.get(name)?.();
    });
  const hear = (name) => new Promise((resolve) => waiting.set(name, resolve));
  const record = (tracer, slices) =>
    tracer.trace({}, (request) => {
      for (let i = 0; i < slices; i++) request.end(request.begin(work));
    });
  const only = (name) => heard.filter(([channel]) => channel === name).map(([, message]) => message);
`;

it('tells start and shutdown, with the counts, once each', async () => {
  const receiver = await startReceiver();
  const { output, stderr } = await runProgram(
    `${SET_UP}
    const tracer = start();
    start();
    record(tracer, 3);
    await tracer.shutdown();
    await tracer.shutdown();
    process.on('exit', () => print(heard.map(([name, message]) => [name, message.enabled ?? message.stats.reader.delivered])));`,
    { GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
  );
  expect([output, stderr]).toEqual([
    [
      ['start', true],
      ['shutdown', 3],
    ],
    '',
  ]);
  await receiver.close();
});

it('tells a start with tracing off, and why', async () => {
  const { output } = await runProgram(`${SET_UP} start(); print(heard);`);
  expect(output).toEqual([['start', { enabled: false, reason: expect.stringContaining('GPUSPAN') }]]);
});

it('tells what was lost since it last did, by reason', async () => {
  const { output } = await runProgram(
    `${SET_UP}
    const tracer = start({ ringSlots: 64 });
    const alive = setInterval(() => {}, 1_000); // looking for losses does not keep a process alive
    record(tracer, 1_000);
    await hear('loss');
    record(tracer, 1_000);
    await hear('loss');
    clearInterval(alive);
    const { lost } = tracer.stats();
    print({ lost, messages: only('loss') });`,
    { GPUSPAN: '1', OTEL_TRACES_EXPORTER: 'none' },
  );
  const { lost, messages } = output as { lost: { ring: number }; messages: { slices: { ring: number } }[] };
  expect(messages).toHaveLength(2);
  const rings = messages.map(({ slices }) => slices.ring);
  expect(Math.min(...rings)).toBeGreaterThan(0);
  expect(rings[0]! + rings[1]!).toBe(lost.ring);
});

it('tells the losses of the end before it tells the end', async () => {
  const { output } = await runProgram(
    `${SET_UP}
    process.on('exit', () => print(heard.map(([name]) => name)));
    record(start({ ringSlots: 64 }), 1_000);`,
    { GPUSPAN: '1', OTEL_TRACES_EXPORTER: 'none' },
  );
  // Its own exit handler was there first.
  expect(output).toEqual(['start']);
  const after = await runProgram(
    `${SET_UP}
    record(start({ ringSlots: 64 }), 1_000);
    process.on('exit', () => print(heard.map(([name]) => name)));`,
    { GPUSPAN: '1', OTEL_TRACES_EXPORTER: 'none' },
  );
  expect(after.output).toEqual(['start', 'loss', 'shutdown']);
});

it.each(['off-thread', 'inline'])('tells when an outage begins and when it is over, %s', async (where) => {
  const receiver = await startReceiver({ status: 400 });
  const inline = `{ exporter: {
    export: (spans, done) => fetch('${receiver.url}/v1/traces', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}'
    }).then(({ status }) => done(status === 200 ? { code: 0 } : { code: 1, error: new Error('Bad Request') })),
    shutdown: async () => {},
  } }`;
  const running = runProgram(
    `${SET_UP}
    const tracer = start(${where === 'inline' ? inline : ''});
    setInterval(() => record(tracer, 1), 20).unref();
    const recovered = hear('outage:end');
    const timer = setInterval(() => {}, 1_000);
    await recovered;
    clearInterval(timer);
    print({ begin: only('outage:begin'), end: only('outage:end'), losses: only('loss').length });
    process.exit(0);`,
    { GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
  );
  while (receiver.requests < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  receiver.behave({});
  const { output } = await running;
  const destination = where === 'inline' ? 'the exporter given to start()' : `${receiver.url}/v1/traces`;
  const { begin, end } = output as { begin: unknown[]; end: { lostSpans: number }[] };
  expect(begin).toEqual([{ destination, error: 'Bad Request' }]);
  expect(end).toEqual([{ destination, lostSpans: expect.any(Number) }]);
  expect(end[0]!.lostSpans).toBeGreaterThan(0);
  await receiver.close();
});
