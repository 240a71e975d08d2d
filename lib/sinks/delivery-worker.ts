// SPDX-License-Identifier: Apache-2.0
//
// Entry of the delivery worker, the default reader: one worker thread a process, spawned by off-thread.ts.
// It takes the lease over from its parent, reads the segment and exports. It must not need its parent's
// event loop: at process exit the parent's thread is blocked in native.flushWait, waiting for this one.
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { loadNative, type Native } from '../native';
import { createOtlpExporter, type OtlpExporter } from '../otel/transport';
import { createResource, SCOPE } from '../otel/resource';
import { LiveSource } from '../segment/live-source';
import { OtlpPipeline } from '../otlp/pipeline';
import { type PipelineOptions, SpanPipeline } from '../spans/pipeline';
import type { DeliveryOrder, FromWorker, ToWorker } from './delivery-protocol';
import { Drain, type ReaderLoop } from './drain';
import { ExporterSink, RequestSink } from './exporter-sink';
import type { PacedSinkOptions } from './paced-sink';
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
  const otlp = createOtlpExporter(order.protocol); // early, so that its modules are loaded before the first span
  const source = new LiveSource(native);
  const spans = {
    // Readers come and go; their variables stay.
    resource: createResource(order, (message) => native.firstTo(message) && warn(message)),
    scope: SCOPE,
    expandLevel: order.expandLevel,
  };
  const { drain, sink } = connect(otlp, source, spans, native, {
    destination: order.endpoint,
    warn,
    onFailure: (failure) => say({ type: 'failure', ...failure }),
    onRecovery: (recovery) => say({ type: 'recovery', ...recovery }),
  });
  parentPort?.on('message', ({ type }: ToWorker) => {
    if (type === 'wake') drain.wake();
    else if (type === 'hurry') sink.hurry();
    else void end(drain, sink);
  });
  say({ type: 'reading' });
  drain.turn();
}

interface Connection {
  readonly drain: ReaderLoop;
  readonly sink: Pick<ExporterSink, 'hurry' | 'shutdown'>;
}

// Pipeline and sink in the form that the exporter takes.
function connect(
  otlp: OtlpExporter,
  source: LiveSource,
  spans: PipelineOptions,
  native: Native,
  options: PacedSinkOptions,
): Connection {
  const drainOptions = {
    environment: native.environment(),
    unread: () => unreadLanes(source),
    onLeaseLost: () => process.exit(0),
    onFailure: (error: unknown) => {
      throw error; // ends this thread; its parent says so and tries again later
    },
  };
  if (otlp.takes === 'bytes') {
    const sink = new RequestSink(otlp.exporter, options);
    return { sink, drain: new Drain(native, new OtlpPipeline(source, spans), sink, drainOptions) };
  }
  const sink = new ExporterSink(otlp.exporter, options);
  return { sink, drain: new Drain(native, new SpanPipeline(source, spans), sink, drainOptions) };
}

// process.exit ends this thread whatever sockets the exporter keeps open, and only this thread.
async function end(drain: ReaderLoop, sink: Connection['sink']): Promise<void> {
  drain.stop();
  await sink.shutdown();
  process.exit(0);
}

if (!isMainThread) deliver(workerData as DeliveryOrder);
