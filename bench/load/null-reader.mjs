// SPDX-License-Identifier: Apache-2.0
//
// The reader of `--sink null`, a thread of the workload's process: encodes every slice as OTLP and lets go of it. Started
// by worker.mjs; says when it reads.
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const { loadNative } = require('../../dist/native.js');
const { createResource, SCOPE } = require('../../dist/otel/resource.js');
const { otlpRecords } = require('../../dist/otlp/pipeline.js');
const { MAX_REQUEST_SPANS } = require('../../dist/otlp/requests.js');
const { LiveSource } = require('../../dist/segment/live-source.js');
const { Drain } = require('../../dist/sinks/drain.js');
const { unreadLanes } = require('../../dist/sinks/unread.js');
const { RecordPipeline } = require('../../dist/spans/record-pipeline.js');

const loaded = loadNative();
if ('reason' in loaded) throw new Error(loaded.reason);
const { native } = loaded;
native.background();
const environment = native.environment();
if (!native.leaseAcquire(environment)) throw new Error('another thread reads');
const source = new LiveSource(native);
const resource = createResource({ serviceName: 'load', resourceAttributes: {} }, () => undefined);
const records = otlpRecords({ resource, scope: SCOPE, expandLevel: 2 });
const sink = {
  ready: true,
  write: (requests, settled) => {
    for (const request of requests) request.letGo();
    settled(0);
  },
  flush: async () => {},
  shutdown: async () => {},
};
const fail = (error) => {
  throw error ?? new Error('the lease is another thread’s');
};
const options = {
  environment,
  spansPerRead: MAX_REQUEST_SPANS,
  unread: () => unreadLanes(source),
  onLeaseLost: fail,
  onFailure: fail,
};
const drain = new Drain(native, new RecordPipeline(source, records), sink, options);
drain.turn();
// Its timers do not keep a thread alive.
setInterval(() => {}, 60_000);
parentPort.postMessage('reading');
