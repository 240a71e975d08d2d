// SPDX-License-Identifier: Apache-2.0
//
// The test addon `details` of this folder as TypeScript sees it; see details.c.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildConsumer } from './build.mjs';

export interface Details {
  everything(handle: bigint, start: bigint, end: bigint): void;
  nonsense(handle: bigint): void;
  /** Everything with a request and a token that may be of no use; returns a token. */
  recordOn(request: bigint, token: number): number;
  record(request: bigint, start: bigint, end: bigint): void;
  /** A GPU slice with an attribute of each kind; returns its token. */
  recordGpu(request: bigint, stream: bigint): number;
  /** Takes only so many bytes of the table at an address. */
  useOlderApi(address: bigint, bytes: number): number;
  useApi(address: bigint): number;
  /** Bytes of the first version's table. */
  minSize(): number;
  /** How many started; `named` with a lane and a label. */
  startThreads(threads: number, named: number): number;
  /** How many of threads * jobs adopted. */
  transfer(handle: bigint, jobs: number): number;
  stopThreads(): void;
}

/** Builds the addon if need be and loads it. */
export function loadDetails(): Details {
  return createRequire(import.meta.url)(join(buildConsumer(), 'details.node'));
}
