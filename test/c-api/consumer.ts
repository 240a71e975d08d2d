// SPDX-License-Identifier: Apache-2.0
//
// The test addon of this folder as TypeScript sees it: gpuspan.h's functions, with tokens and handles unchecked.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildConsumer } from './build.mjs';

export interface Consumer {
  available(): number;
  useApi(address: bigint): number;
  /** The address of readable memory that is no table. */
  decoy(): bigint;
  adopt(handle: bigint): bigint;
  leave(request: bigint): void;
  begin(stage: number, request: bigint): number;
  end(token: number): void;
  next(token: number, stage: number, request: bigint): number;
  setInt(token: number, value: number): void;
  setDouble(token: number, value: number): void;
  gpuBegin(stage: number, request: bigint, stream: bigint): number;
  gpuEnd(token: number): void;
  threads(handle: bigint, threads: number, slices: number, atOnce: number, plan: number, token: number): number;
  /** An in-order OpenCL queue with profiling; 0n where there is no OpenCL device. */
  makeQueue(): bigint;
  finishQueue(queue: bigint): void;
}

/** Indices of the stages in consumer.c. */
export const STAGE = { load: 0, run: 1, detail: 2, impossible: 3, elsewhere: 4 } as const;
/** What the threads of threads.c do before they end. */
export const PLAN = { leave: 0, endWithOpen: 1, foreignToken: 2 } as const;

/** Builds the addon if need be and loads both of its copies. */
export function loadConsumers(): { folder: string; consumer: Consumer; stranger: Consumer } {
  const folder = buildConsumer();
  const require = createRequire(import.meta.url);
  return { folder, consumer: require(join(folder, 'consumer.node')), stranger: require(join(folder, 'stranger.node')) };
}
