// SPDX-License-Identifier: Apache-2.0
//
// The public API, and nothing else. test/api/public-surface.test.ts pins the names; the ESM entry re-exports them
// from the CommonJS build (scripts/write-esm-entries.mjs), so that both share one tracer.
export type { Attributes, AttributeValue, Columns } from './attributes';
export type { Batch, BatchOptions } from './batch';
export { type Carrier, type CarrierRefusal, carrierFromHeader, carrierToHeader } from './carrier';
export type {
  LossMessage,
  OutageBeginMessage,
  OutageEndMessage,
  ShutdownMessage,
  StartMessage,
} from './diagnostics';
export { GpuspanError, type GpuspanErrorCode } from './errors';
export type { EventOptions } from './event-options';
export type { Gpu, GpuSource, GpuStream } from './gpu';
export type { HeaderSource } from './find-header';
export type { Token } from './lane';
export type { LevelAnswer } from './level-change';
export { type LevelHandler, type LevelHandlerOptions, levelHandler } from './level-handler';
export type { SpanExporterLike, StartOptions, WorkerOptions } from './options';
export type { EndOptions, Request, RequestIds } from './request';
export type { ParentLike } from './parent';
export type { SamplerLike } from './sampling';
export { type Declaration, defineEvents, defineStages, type EventKind, type Level, type Stage } from './stage';
export { start } from './start';
export type { RequestOptions, Tracer, TracerStats } from './tracer';
