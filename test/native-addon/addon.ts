// SPDX-License-Identifier: Apache-2.0
//
// The addon as the tests of this folder use it: loaded the way the package does, opened, attached, and with views of
// the scratch memory. One process each test file, so each file has a segment of its own.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Loaded, type Native, type NativeConfig, type NativeIdentity, SCRATCH } from '../../lib/native';

const require = createRequire(import.meta.url);
export const ROOT = join(__dirname, '..', '..');

export const CONFIG: NativeConfig = {
  lanes: 16,
  ringSlots: 1024,
  requestTtlMillis: 0,
  clock: 'auto',
  directory: '',
  device: 'none',
  cudaLibrary: '',
};

export const IDENTITY: NativeIdentity = {
  label: 'test',
  threadId: 0,
  tpRank: -1,
  ppRank: -1,
  dpRank: -1,
  epRank: -1,
  gpuIndex: -1,
  gpuUuid: '',
};

export function loadAddon(): Native {
  const loaded: Loaded = require(join(ROOT, 'dist', 'native.js')).loadNative();
  if ('reason' in loaded) throw new Error(loaded.reason);
  return loaded.native;
}

/** Values that are not what a number, bigint, object or array argument should be. */
export const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  'text',
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2n ** 70n),
  2n ** 70n,
  Symbol('s'),
  {},
  [],
  () => 1,
  new Proxy(
    {},
    {
      get() {
        throw new Error('hostile getter');
      },
    },
  ),
];

/** This environment's lane and scratch memory, with the calls that most tests make. */
export class Lane {
  readonly native: Native;
  readonly lane: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(native: Native, config: NativeConfig = CONFIG) {
    this.native = native;
    native.open(config);
    const attached = native.attach(IDENTITY);
    this.lane = attached.lane;
    this.bytes = new Uint8Array(attached.scratch);
    this.view = new DataView(attached.scratch);
  }

  stage(name: string, level = 1): number {
    const module = this.native.intern('module', 0, 0, 'test').id;
    return this.native.intern('stage', module, level, name).id;
  }

  /** A request with a trace of its own. */
  start(level = 2): number {
    this.bytes.fill(0, 0, 64);
    return this.native.requestStart(level, 0);
  }

  /** `endPlaced` with `bytes` of payload. */
  endWith(token: number, bytes: number): void {
    this.place(token, 0, bytes);
    this.native.endPlaced();
  }

  /** `nextPlaced`; its answer. */
  next(token: number, stage: number, bytes = 0): number {
    this.place(token, stage, bytes);
    this.native.nextPlaced();
    return this.view.getInt32(SCRATCH.integer, true);
  }

  private place(token: number, stage: number, bytes: number): void {
    this.view.setInt32(SCRATCH.integer, token, true);
    this.view.setUint16(SCRATCH.stage, stage, true);
    this.view.setUint16(SCRATCH.bytes, bytes, true);
  }

  handle(): bigint {
    return this.view.getBigUint64(40, true);
  }

  /** The terms of the loss equation, over all lanes. */
  counts(): { recorded: number; consumed: number; inRing: number; lost: number } {
    const stats = this.native.stats();
    const lost = Object.values(stats.lost).reduce((sum, count) => sum + count, 0);
    return { recorded: stats.recorded, consumed: stats.consumed, inRing: stats.inRing, lost };
  }
}

export const where = (owner: number, stage: number): number => (owner << 16) | stage;
