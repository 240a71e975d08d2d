// SPDX-License-Identifier: Apache-2.0
//
// What gpuspan does for applications of one OpenTelemetry JS line, on one Node: scripts/test-otel-lines.mjs installs both
// and runs this. Each check is a process of its own (application.mjs), because a process starts tracing once; this one
// receives. Prints a line a check; exit code 1 when one fails.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { startReceiver } from 'gpuspan/testing';

const SPANS = ['ours', 'main', 'work'];

const receiver = await startReceiver();

/** Runs one application; returns what it found out. */
async function run(mode, variables = {}) {
  const child = fork(new URL('application.mjs', import.meta.url), [mode], {
    env: { ...process.env, GPUSPAN: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...variables },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let result;
  child.on('message', (message) => {
    result = message;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return result;
}

/** Keeps the bytes of what it gets. */
async function startGrpcReceiver() {
  const bytes = [];
  const agents = [];
  const same = (value) => value;
  const server = new Server();
  const Export = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const take = ({ request, metadata }, done) => {
    bytes.push(request);
    agents.push(...metadata.get('user-agent'));
    done(null, Buffer.alloc(0));
  };
  server.addService({ Export }, { Export: take });
  const bind = promisify(server.bindAsync).bind(server);
  const port = await bind('127.0.0.1:0', ServerCredentials.createInsecure());
  return {
    url: `http://127.0.0.1:${port}`,
    agents,
    text: () => Buffer.concat(bytes).toString('latin1'),
    close: () => server.forceShutdown(),
  };
}

const names = (spans) => spans.map(({ name }) => name).sort();

/** Root below the application's span, worker span below root, slice below that. */
function expectTree(spans, parent) {
  assert.deepEqual(names(spans), [...SPANS].sort());
  const byName = Object.fromEntries(spans.map((span) => [span.name, span]));
  const { ours, main, work } = byName;
  assert.equal(work.parentSpanId, main.spanId);
  assert.equal(main.parentSpanId, ours.spanId);
  assert.equal(ours.parentSpanId, parent.spanId);
  for (const span of spans) assert.equal(span.traceId, parent.traceId);
  assert.equal(work.attributes.tokens, 17);
}

const checks = {
  async "hands spans that the line's own exporters take to one that is given in code"() {
    const { parent, spans } = await run('inline');
    expectTree(spans, parent);
  },

  async "sends through the line's OTLP exporter, given in code"() {
    const { parent } = await run('inline-otlp');
    expectTree(receiver.spans, parent);
    assert.equal(receiver.spans[0].resource['service.name'], 'lines');
  },

  async 'delivers off-thread by its own OTLP exporter'() {
    const { parent } = await run('off-thread');
    expectTree(receiver.spans, parent);
    assert.equal(receiver.spans[0].resource['telemetry.sdk.name'], 'gpuspan');
  },

  async "delivers off-thread over gRPC by the line's exporter, with a client of its own"() {
    const grpc = await startGrpcReceiver();
    const { delivered } = await run('off-thread-twice', {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_ENDPOINT: grpc.url,
    });
    grpc.close();
    assert.equal(delivered, 2);
    for (const name of SPANS) assert(grpc.text().includes(name), name);
    // The first request is the exporter's own client's. The others show that it looks inside as gpuspan takes it for.
    assert.match(grpc.agents[1], /^gpuspan\//);
  },

  async "has the provider's Resource and flush as a span processor"() {
    const { parent, delivered, theirs } = await run('processor');
    expectTree(receiver.spans, parent);
    assert.equal(delivered, 1);
    assert.deepEqual(theirs, ['theirs']); // the other processor's are its own
    assert.equal(receiver.spans[0].resource['service.name'], 'shop');
  },

  async 'is one line of NodeSDK'() {
    const { parent } = await run('node-sdk', { OTEL_SERVICE_NAME: 'shop' });
    expectTree(receiver.spans, parent);
    assert.equal(receiver.spans[0].resource['service.name'], 'shop');
    assert.equal(receiver.spans[0].resource['telemetry.sdk.name'], 'opentelemetry');
  },

  async "asks the line's samplers"() {
    const { recorded } = await run('sampler');
    assert.equal(recorded, 0);
    assert.equal(receiver.spans.length, 0);
  },

  async "tells its metrics to the line's meter provider"() {
    const { told } = await run('metrics');
    assert.equal(told['gpuspan.slice.recorded'], 1);
    assert.equal(told['gpuspan.slice.delivered'], 1);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  receiver.clear();
  try {
    await check();
    console.log(`  ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`  FAILED  ${name}\n${error.stack}`);
  }
}
await receiver.close();
process.exitCode = failed === 0 ? 0 : 1;
