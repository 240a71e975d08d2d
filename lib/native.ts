// SPDX-License-Identifier: Apache-2.0
//
// Loads the addon and declares every function of it: the only place that does either. The C++ side is
// native/node/. Functions marked "record path" never throw; the others throw GpuspanError-shaped errors
// (`{ code, message }`) for bad input at set-up. Importing this module loads nothing.
import { join } from 'node:path';
import type { Level } from './stage';

/** Owners are small integers: a request's index in this environment's lane, or a batch's index | BATCH_FLAG. */
export const BATCH_FLAG = 0x8000;
/** `requestStart`, `requestAdopt` and `batchDefine` return it when nothing could be reserved. */
export const NONE = 0xffff;
/**
 * `requestStart` and `requestAdopt` return it, having done nothing, when level or modules were changed since this
 * environment last followed them: call `settings(true)`, follow, call again.
 */
export const ASK_AGAIN = 0xfffd;
/** `batchDefine` returns it, with nothing counted, when members were closed as forgotten: their places hold NONE then. */
export const MEMBERS_GONE = 0xfffe;
/** Added to the level for `requestStart`: the parent is a span of this process, so the root span is no server span. */
export const LOCAL_PARENT = 0x100;

/** Process-wide settings; the first `open` fixes them, later ones are ignored. */
export interface NativeConfig {
  readonly lanes: number;
  readonly ringSlots: number;
  /** Requests without a sign of life for so long are closed; 0: never. */
  readonly requestTtlMillis: number;
  readonly clock: 'auto' | 'tsc' | 'monotonic';
  /** Folder for a named segment file; '' for a memfd. */
  readonly directory: string;
  readonly device: 'auto' | 'cuda' | 'opencl' | 'sim' | 'none';
  readonly cudaLibrary: string;
  /** Modules that record; absent: all. The addon applies it to the stages that native code declares. */
  readonly modules?: readonly string[];
}

/** Who records in this environment. Ranks are -1 when not given. */
export interface NativeIdentity {
  readonly label: string;
  readonly threadId: number;
  readonly tpRank: number;
  readonly ppRank: number;
  readonly dpRank: number;
  readonly epRank: number;
  /** -1 when not given. */
  readonly gpuIndex: number;
  /** '' when not given. */
  readonly gpuUuid: string;
}

export type EntryKind = 'module' | 'stage' | 'event' | 'key' | 'string';

/**
 * Scratch memory shared with the addon: JavaScript writes payload items and arguments into it, then calls. One an
 * environment, at least SCRATCH_BYTES long. Fixed places for `requestStart` and `requestAdopt` are in SCRATCH.
 */
export const SCRATCH_BYTES = 65_536;
/** Byte offsets in the scratch memory. In: read by the call. Out: written by it. */
export const SCRATCH = {
  /** In/out: 16 bytes of trace id (all zero in: make one). */
  traceId: 0,
  /** In: 8 bytes, remote parent span id (0: none). */
  parent: 16,
  /** In for requestAdopt, out of requestStart: 8 bytes, root span id. */
  root: 24,
  /** In for requestAdopt, out of requestLink: 8 bytes, span id that the next first-level slice links to. */
  previous: 32,
  /** Out: 8 bytes, the C handle (u64, little-endian). */
  handle: 40,
  /** Out: 8 bytes, worker span id or batch span id. */
  span: 48,
  /** In/out: the int32 of `beginPlaced`, `endPlaced` and `nextPlaced`. */
  integer: 56,
  /** In: 2 bytes, the stage of `nextPlaced`. */
  stage: 60,
  /** In: 2 bytes, how many bytes of payload `endPlaced` and `nextPlaced` take. */
  bytes: 62,
  /** Payload items start here, in every call that takes `bytes`. */
  payload: 64,
} as const;

/** What timing the GPU cost the application inside the device's own library. */
export interface GpuStats {
  /**
   * How long the library's calls that mark a stream took, two a GPU slice, on the threads that recorded. Quantiles are
   * at most 25 % too high.
   */
  readonly recordCalls: {
    readonly count: number;
    readonly p50Nanos: number;
    readonly p99Nanos: number;
    readonly maxNanos: number;
    /** [i]: calls that took less than 2^i ns and 2^(i - 1) at least; the last one has the longer ones too. */
    readonly powersOfTwo: readonly number[];
  };
}

export interface NativeStats {
  /** Slices settled in all lanes: recorded = consumed + lost + inRing. */
  readonly recorded: number;
  readonly consumed: number;
  readonly inRing: number;
  /** Of each lane's ring. */
  readonly ringSlots: number;
  /** By reason name (native/core/loss.h), only those that are not 0. Slices. */
  readonly lost: Readonly<Record<string, number>>;
  /** Requests and batches that were inert for want of room; apart from slices. */
  readonly lostOwners: Readonly<Record<string, number>>;
  readonly owners: number;
  readonly lanes: readonly NativeLaneStats[];
  /** As the reader last published. */
  readonly reader: {
    readonly delivered: number;
    readonly held: number;
    readonly owners: number;
    /** Owners that were read and not delivered. */
    readonly lostOwners: number;
    /** Owners that left their rings: delivered, lost, or with the reader. */
    readonly consumedOwners: number;
    readonly lost: readonly number[];
  };
  readonly names: { readonly used: number; readonly overflow: number };
  readonly gpu: GpuStats | undefined;
}

export interface NativeLaneStats {
  readonly lane: number;
  readonly state: 'free' | 'claimed' | 'orphaned';
  readonly kind: 'javascript' | 'native' | 'resolver';
  readonly tid: number;
  readonly recorded: number;
  readonly consumed: number;
  readonly inRing: number;
  /** Most slots that were in use at one time. */
  readonly highWater: number;
  readonly lost: Readonly<Record<string, number>>;
}

export interface Native {
  // -- set-up -----------------------------------------------------------------------------------------
  /** Creates the process's segment if there is none. Throws `GPUSPAN_SEGMENT` with the failing call. */
  open(config: NativeConfig): {
    readonly created: boolean;
    readonly clock: 'tsc' | 'cntvct' | 'monotonic';
    readonly clockReason: string;
  };
  /** Claims a lane for this environment; its cleanup hook closes and orphans it. Throws `GPUSPAN_LANE`. */
  attach(identity: NativeIdentity): { readonly lane: number; readonly scratch: ArrayBuffer };
  /** This environment's id, never 0 and never reused in the process; its cleanup hook releases a lease held under it. */
  environment(): number;
  /**
   * Dictionary id of a name; `conflict` when declared before with another level. A stage or event gets the gate, for
   * native code, that the process's modules give it.
   */
  intern(
    kind: EntryKind,
    module: number,
    level: number,
    text: string,
  ): { readonly id: number; readonly level: number; readonly conflict: boolean };
  /**
   * What was changed since the start; left out: nothing was. `modules` null: every one. `apply`: this environment
   * follows it now.
   */
  settings(apply: boolean): { readonly level?: 0 | Level; readonly modules?: readonly string[] | null };
  /** Whether `requestStart` would say ASK_AGAIN. Record path. */
  settingsChanged(): boolean;
  /** For new requests of every thread of this process. */
  setLevel(level: 0 | Level): void;
  /** Which of these names nobody in this process has declared a stage, event or request of. */
  unknownModules(modules: readonly string[]): readonly string[];
  /** undefined: every one. Opens and closes the gates of native code's stages; returns names that nobody interned. */
  setModules(modules: readonly string[] | undefined): readonly string[];
  /** Whether nobody in the process asked with this topic before; for what is said once. Beyond 256 topics: false. */
  firstTo(topic: string): boolean;
  /** Address of the C function table, for `gpuspan_use_api`. */
  apiAddress(): bigint;

  // -- requests (record path) ---------------------------------------------------------------------------
  /** Reads traceId, parent from scratch; writes traceId, root, handle, span. `remote`: the parent is remote. */
  requestStart(level: number, bytes: number): number;
  /** Reads traceId, root, previous; writes handle, span. */
  requestAdopt(level: number): number;
  requestLeave(request: number, bytes: number): void;
  requestFinish(request: number, bytes: number): void;
  /** Writes SCRATCH.span: where a span of another library would hang below the request; 0: below its root span. */
  requestSpan(request: number, token: number): void;
  /** Writes to scratch.previous what a carrier takes along. */
  requestLink(request: number): void;
  annotateRoot(owner: number, bytes: number): void;
  annotateWorker(owner: number, bytes: number): void;

  // -- slices (record path) -----------------------------------------------------------------------------
  /** `where` = owner << 16 | stage, as an int32. Returns a token, 0 when nothing was opened. */
  begin(where: number): number;
  beginUnder(where: number, parent: number): number;
  end(token: number): void;
  /**
   * The hot calls, with their arguments in the scratch memory and without what Node-API asks for arguments and results.
   * SCRATCH.integer: `where` for `beginPlaced`, the token for the others; `beginPlaced` and `nextPlaced` leave the new
   * token there, 0 when nothing was opened. SCRATCH.bytes of payload from SCRATCH.payload are the ended slice's.
   */
  beginPlaced(): void;
  endPlaced(): void;
  nextPlaced(): void;
  annotate(token: number, bytes: number): void;
  /** Both ns of CLOCK_MONOTONIC. */
  record(where: number, start: bigint, end: bigint, bytes: number): void;
  /** `where` = owner << 16 | event; `count` attribute items in `bytes`. */
  event(where: number, bytes: number, count: number): void;
  /** The same in an open slice of the owner (0: the innermost), at a time in ns of CLOCK_MONOTONIC (undefined: now). */
  eventAt(where: number, bytes: number, count: number, slice: number, time: bigint | undefined): void;
  /** Counts a slice that JavaScript had to refuse (index into native/core/layout.h Loss). */
  lose(reason: number): void;

  // -- batches (record path, except batchDefine's O(members)) -----------------------------------------------
  /** `count` request indices (u16) from SCRATCH.payload, then `bytes` of payload. Writes handle, span, traceId. Returns the batch's index without flag. */
  batchDefine(count: number, bytes: number): number;
  batchEnd(batch: number, bytes: number): void;
  /** Set-up. Closes the requests and batches that have expired, as each start does. False once the lane is closed. */
  expireRequests(): boolean;

  // -- GPU ----------------------------------------------------------------------------------------------
  /** Opens the device at the first call. `source` is '' when there is none, and `reason` says why. */
  gpuOpen(): {
    readonly source: '' | 'cuda-event' | 'opencl' | 'simulated' | 'null';
    readonly description: string;
    readonly reason: string;
  };
  /** The stream's index. Throws `GPUSPAN_STREAM`, naming handle and remedy. */
  gpuStream(handle: bigint): number;
  /** Record path. */
  gpuBegin(where: number, stream: number): number;
  gpuEnd(token: number, bytes: number): void;
  gpuAnnotate(token: number, bytes: number): void;

  // -- reader -------------------------------------------------------------------------------------------
  leaseAcquire(environment: number): boolean;
  leaseTransfer(from: number, to: number): boolean;
  leaseRelease(environment: number): void;
  /** 0 when free. */
  leaseHolder(): number;
  segmentBytes(): number;
  /** Copies with acquire semantics; false when out of range. */
  read(offset: number, length: number, into: Uint8Array): boolean;
  /** Appends a clock snapshot to the segment's history. */
  snapshot(): void;
  /** `position` as two halves (u32 low, u32 high). False when it is not between read and written. */
  advance(lane: number, low: number, high: number, slices: number, owners: number): boolean;
  /** delivered, held, owners delivered, then lost by ReaderLoss (READER_LOSS_SLOTS), then owners lost. */
  publishReader(account: Float64Array): void;
  /** The calling thread gives way to the application's. False where the kernel refuses. */
  background(): boolean;
  flushRequest(): number;
  flushRequested(): number;
  flushDone(ticket: number): void;
  /** Blocks the calling thread on the futex word. False on timeout. */
  flushWait(ticket: number, timeoutMillis: number): boolean;

  // -- ends ---------------------------------------------------------------------------------------------
  /** Closes and flags everything open on this environment's lane. Recording afterwards is Loss::kClosed. */
  closeLane(): void;
  /** Waits for GPU slices in flight, then counts the rest as lost. */
  gpuStop(timeoutMillis: number): void;
  /** Resolves when every GPU slice that was ended before the call is written or lost; false: it took longer. */
  gpuSettle(timeoutMillis: number): Promise<boolean>;
  /**
   * When nobody holds the lease: slices in the rings now are lost, reason `no_reader`, in the process's counts. At the
   * end of the process; a reader that comes after all takes it back.
   */
  countUnread(): void;
  /** A line for stderr as the process exits, instead of the last one; '': none. A new reader takes it back. */
  lastWords(text: string): void;
  stats(): NativeStats;
}

export type Loaded = { readonly native: Native } | { readonly reason: string };

let loaded: Loaded | undefined;

/**
 * Loads the addon at the first call: the build of a checkout, else the package's prebuild for this system. Never
 * throws; `reason` is a sentence for `tracer.reason`.
 */
export function loadNative(): Loaded {
  loaded ??= load();
  return loaded;
}

/** The addon, if this thread has loaded it. Loads nothing. */
export function loadedNative(): Native | undefined {
  return loaded !== undefined && 'native' in loaded ? loaded.native : undefined;
}

function load(): Loaded {
  const system = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return { reason: `gpuspan records on Linux only, this is ${system}` };
  try {
    const loadAddon: (root: string) => Native = require('node-gyp-build');
    // The copy has fast properties. V8 keeps an object that native code gave so many functions as a hash table, and
    // a call through that is looked up each time and never inlined: 15 ns on the hot path.
    return { native: { ...loadAddon(join(__dirname, '..')) } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.startsWith('No native build was found')) {
      return { reason: `the package has no addon for this system (${system})` };
    }
    return { reason: `the addon could not be loaded: ${message.split('\n')[0]}` };
  }
}
