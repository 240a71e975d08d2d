// SPDX-License-Identifier: Apache-2.0
//
// Entry of the delivery worker, the default reader: one worker thread a process, spawned by off-thread.ts.
// It takes the lease over from its parent, reads the segment and exports. It must not need its parent's
// event loop: at process exit the parent's thread is blocked in native.flushWait, waiting for this one.
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { loadNative } from '../native';
import { createExporter } from '../otel/exporter';
import { createResource, SCOPE } from '../otel/resource';
import { LiveSource } from '../segment/live-source';
import { SpanPipeline } from '../spans/pipeline';
import type { DeliveryOrder, FromWorker, ToWorker } from './delivery-protocol';
import { Drain, type ReaderLoop } from './drain';
import { ExporterSink } from './exporter-sink';
import { unreadLanes } from './unread';

const STDERR = 2;

// process.stderr of a worker is a stream through the parent's event loop, which may be blocked for good.
function warn(message: string): void {
  try {
    writeSync(STDERR, `gpuspan: ${message}\n`);
  } catch {
    // A closed or full stderr is no reason to stop delivering.
  }
}

function say(message: FromWorker): void {
  parentPort?.postMessage(message);
}

function deliver(order: DeliveryOrder): void {
  const loaded = loadNative();
  if ('reason' in loaded) throw new Error(loaded.reason);
  const { native } = loaded;
  const environment = native.environment();
  if (!native.leaseTransfer(order.parentEnvironment, environment)) process.exit(0); // another one reads by now
  const exporter = createExporter(); // early, so that its modules are loaded before the first span
  const source = new LiveSource(native);
  const pipeline = new SpanPipeline(source, {
    // Readers come and go; their variables stay.
    resource: createResource(order, (message) => native.firstTo(message) && warn(message)),
    scope: SCOPE,
    expandLevel: order.expandLevel,
  });
  const sink = new ExporterSink(exporter, { destination: order.endpoint, warn });
  const drain = new Drain(native, pipeline, sink, {
    environment,
    unread: () => unreadLanes(source),
    onLeaseLost: () => process.exit(0),
    onFailure: (error) => {
      throw error; // ends this thread; its parent says so and tries again later
    },
  });
  parentPort?.on('message', (message: ToWorker) => {
    if (message.type === 'wake') drain.wake();
    else void end(drain, sink);
  });
  say({ type: 'reading' });
  drain.turn();
}

// process.exit ends this thread whatever sockets the exporter keeps open, and only this thread.
async function end(drain: ReaderLoop, sink: ExporterSink): Promise<void> {
  drain.stop();
  await sink.shutdown();
  process.exit(0);
}

if (!isMainThread) deliver(workerData as DeliveryOrder);
