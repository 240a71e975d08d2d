// SPDX-License-Identifier: Apache-2.0
//
// Puts together what reads the segment: a pipeline that makes of each record what the destinations take, their sinks, and
// the loop between. Called with the lease in hand, in the delivery worker or on the thread whose start() was given an
// exporter.
import { hostname } from 'node:os';
import type { Resource } from '@opentelemetry/resources';
import { newIdentity } from '../perfetto/identity';
import { TracePipeline } from '../perfetto/pipeline';
import { describeRanks, type Ranks } from '../perfetto/workers';
import type { Native } from '../native';
import type { SegmentSource } from '../segment/source';
import { type RecordOptions, RecordPipeline } from '../spans/record-pipeline';
import { Drain, type DrainOptions, type ReaderLoop } from './drain';
import type { EpisodeOptions } from './episode';
import { FileSink, type RoomySink } from './file-sink';
import { TraceFile } from './trace-file';
import { unreadLanes } from './unread';

/** Where spans go, and in which form. */
export interface SpanSide<Spans> {
  readonly records: RecordOptions<Spans>;
  readonly sink: RoomySink<Spans>;
  /** For messages. */
  readonly destination: string;
}

/** A trace file of this process, as it is asked for. */
export interface TraceOrder {
  /** Absolute. */
  readonly path: string;
  /** Whose start() asked for it: part of the process's name in the trace. */
  readonly worker: Ranks & { readonly label: string };
}

/** A file, and what it says of the process. */
export interface TraceSide {
  readonly file: TraceFile;
  readonly processName: string;
  readonly resource: Resource['attributes'];
}

export interface Reader {
  readonly drain: ReaderLoop;
  /** The end is near: exports that fail are tried again for a few seconds only. */
  hurry(): void;
  /** Writes what the trace file, if there is one, still lacks and no record will tell. */
  finish(): void;
  /** Of the sinks, after the loop was stopped. */
  shutdown(timeoutMillis?: number): Promise<void>;
}

/** Opens nothing yet. `told`: of what becomes of writing. */
export function openTrace(
  { path, worker }: TraceOrder,
  resource: Resource,
  native: Pick<Native, 'firstTo'>,
  told: Omit<EpisodeOptions, 'destination'>,
): TraceSide {
  const file = new TraceFile({ path, isNew: () => native.firstTo(`trace file ${path}`), ...told });
  const name = processName(describeRanks(worker.label, worker), resource);
  return { file, processName: name, resource: resource.attributes };
}

/** With a span side, a trace side, or both. */
export function makeReader<Spans>(
  native: Native,
  source: SegmentSource,
  { spans, trace }: { readonly spans?: SpanSide<Spans>; readonly trace: TraceSide | undefined },
  options: Omit<DrainOptions, 'unread'> & { readonly warn: (message: string) => void },
): Reader {
  const drainOptions = { ...options, unread: () => unreadLanes(source) };
  const hurry = (): void => spans?.sink.hurry();
  if (trace === undefined) {
    const { records, sink } = spans!;
    const drain = new Drain(native, new RecordPipeline(source, records), sink, drainOptions);
    return { drain, hurry, finish: () => undefined, shutdown: (timeoutMillis) => sink.shutdown(timeoutMillis) };
  }
  const { processName: name, resource } = trace;
  const traceOptions = { identity: newIdentity(), processName: name, pid: process.pid, resource };
  const pipeline = new TracePipeline<Spans>(source, traceOptions, spans?.records);
  const destination = spans?.destination ?? '';
  const sink = new FileSink({ file: trace.file, pipeline, beside: spans?.sink, destination, warn: options.warn });
  const drain = new Drain(native, pipeline, sink, drainOptions);
  return { drain, hurry, finish: () => sink.finish(), shutdown: (timeoutMillis) => sink.shutdown(timeoutMillis) };
}

// Services of several hosts may end up in one trace, and the numbers of their processes may be the same.
function processName(worker: string, { attributes }: Resource): string {
  const service = String(attributes['service.name'] ?? '');
  const isNamed = service !== '' && !service.startsWith('unknown_service');
  return `${isNamed ? `${service} ` : ''}${worker} @${attributes['host.name'] ?? hostname()}`;
}
