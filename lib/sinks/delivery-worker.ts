// SPDX-License-Identifier: Apache-2.0
//
// Entry of the delivery worker, the default reader: one worker thread a process, spawned by off-thread.ts.
// It takes the lease over from its parent, reads the segment, exports and writes the trace file. It must not need its
// parent's event loop: at process exit the parent's thread is blocked in native.flushWait, waiting for this one.
import { access, writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { loadNative, type Native } from '../native';
import { createOtlpExporter } from '../otel/transport';
import { createResource, SCOPE } from '../otel/resource';
import { LiveSource } from '../segment/live-source';
import { otlpRecords } from '../otlp/pipeline';
import { MAX_REQUEST_SPANS } from '../otlp/requests';
import { spanRecords } from '../spans/pipeline';
import type { DeliveryOrder, FromWorker, ToWorker } from './delivery-protocol';
import type { Failure, Recovery } from './episode';
import { ExporterSink, RequestSink } from './exporter-sink';
import { makeReader, openTrace, type Reader } from './reader';

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

// A kernel that refuses leaves this thread as any other. The process's thread pool is made by whoever needs it first, and its
// threads inherit the priority of that one: it must be there before.
function stepBack(native: Native): void {
  access('/', () => undefined);
  native.background();
}

function deliver(order: DeliveryOrder): void {
  const loaded = loadNative();
  if ('reason' in loaded) throw new Error(loaded.reason);
  const { native } = loaded;
  stepBack(native);
  if (!native.leaseTransfer(order.parentEnvironment, native.environment())) process.exit(0); // another one reads by now
  const reader = makeOrdered(order, native);
  parentPort?.on('message', ({ type }: ToWorker) => {
    if (type === 'wake') reader.drain.wake();
    else if (type === 'hurry') reader.hurry();
    else void end(reader);
  });
  say({ type: 'reading' });
  reader.drain.turn();
}

function makeOrdered({ otlp, trace: traceOrder, ...order }: DeliveryOrder, native: Native): Reader {
  const exporter = otlp && createOtlpExporter(otlp.protocol); // early, so that its modules are loaded before the first span
  // Readers come and go; their variables stay.
  const resource = createResource(order, (message) => native.firstTo(message) && warn(message));
  const told = {
    warn,
    onFailure: (failure: Failure) => say({ type: 'failure', ...failure }),
    onRecovery: (recovery: Recovery) => say({ type: 'recovery', ...recovery }),
  };
  const trace = traceOrder && openTrace(traceOrder, resource, native, told);
  const options = {
    environment: native.environment(),
    warn,
    onLeaseLost: () => process.exit(0),
    onFailure: (error: unknown) => {
      throw error; // ends this thread; its parent says so and tries again later
    },
  };
  const source = new LiveSource(native);
  if (exporter === undefined) return makeReader(native, source, { trace }, options);
  const destination = otlp!.endpoint;
  const sinkOptions = { destination, ...told };
  const spans = { resource, scope: SCOPE, expandLevel: order.expandLevel };
  if (exporter.takes === 'bytes') {
    const side = { records: otlpRecords(spans), sink: new RequestSink(exporter.exporter, sinkOptions), destination };
    return makeReader(native, source, { spans: side, trace }, { ...options, spansPerRead: MAX_REQUEST_SPANS });
  }
  const sink = new ExporterSink(exporter.exporter, sinkOptions);
  return makeReader(native, source, { spans: { records: spanRecords(spans), sink, destination }, trace }, options);
}

// process.exit ends this thread whatever sockets the exporter keeps open, and only this thread.
async function end(reader: Reader): Promise<void> {
  reader.drain.stop();
  await reader.shutdown();
  process.exit(0);
}

if (!isMainThread) deliver(workerData as DeliveryOrder);
