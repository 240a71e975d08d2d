// SPDX-License-Identifier: Apache-2.0
//
// The byte layout of a segment as the reader needs it: a mirror of native/core/layout.h, whose struct and field
// names it keeps, and of docs/design/segment.md. Offsets are in bytes, all fields little-endian. Only lib/segment
// uses it. A change of the layout there changes LAYOUT_VERSION and this file.

/** "GPUSPAN1" in memory order. */
export const SEGMENT_MAGIC = 0x314e_4150_5355_5047n;
export const LAYOUT_VERSION = 2;
/** layout_signature() of layout.h: the struct sizes and constants of that version, folded together. */
export const LAYOUT_SIGNATURE = 0x33e4_5eb8;
export const HEADER_BYTES = 4096;

export const SLOT_BYTES = 64;
export const MAX_SLICE_CONTINUATIONS = 15;
export const MAX_OWNER_CONTINUATIONS = 64;

/** "No entry" of 16-bit indices. */
export const NO_INDEX = 0xffff;
export const CHUNK_MEMBERS = 16;
export const MAX_BATCH_MEMBERS = 4096;
export const MAX_LANES = 4095;
export const MIN_RING_SLOTS = 64;
export const MAX_RING_SLOTS = 2 ** 24;
export const LOSS_COUNT = 16;

/** SegmentHeader. */
export const HEADER = {
  magic: 0,
  version: 8,
  signature: 12,
  totalBytes: 16,
  pid: 24,
  clock: 28,
  lanes: 56,
  ringSlots: 60,
  requestCapacity: 68,
  batchCapacity: 72,
  chunkCapacity: 80,
  dictionaryCapacity: 84,
  dictionaryOffset: 88,
  snapshotCapacity: 96,
  snapshotOffset: 104,
  lanesOffset: 112,
  laneStride: 120,
  requestsOffset: 132,
  batchesOffset: 136,
  chunksOffset: 144,
  ringOffset: 148,
  clockHz: 152,
  snapshots: 1032,
} as const;

export const CLOCK_KIND = { monotonic: 1, tsc: 2, cntvct: 3 } as const;

/** DictionaryEntry. */
export const ENTRY = { word: 0, module: 4, text: 8, bytes: 272, maxText: 255 } as const;

/** Snapshot. */
export const SNAPSHOT = { ticks: 0, monotonic: 8, realtime: 16, boottimeOffset: 32, bytes: 40 } as const;

/** LaneHeader. */
export const LANE = {
  written: 0,
  recorded: 8,
  read: 128,
  consumed: 136,
  lost: 256,
  state: 384,
  generation: 388,
  tid: 392,
  workerThreadsId: 396,
  label: 400,
  tpRank: 402,
  ppRank: 404,
  dpRank: 406,
  epRank: 408,
  kind: 410,
  gpuIndex: 412,
  gpuUuid: 416,
  bytes: 640,
} as const;

export const LANE_STATE = { free: 0, claimed: 1, orphaned: 2 } as const;

/** Slot, as indices of 32-bit words. Word 0 is kind | flags << 8 | stage << 16. */
export const SLOT_WORD = {
  head: 0,
  sequence: 1,
  start: 2,
  end: 4,
  traceId: 6,
  spanId: 10,
  parentSpanId: 12,
  tail: 14,
} as const;
export const SLOT_WORDS = SLOT_BYTES / 4;

/** Kind. */
export const KIND = {
  nothing: 0,
  hostSlice: 1,
  gpuSlice: 2,
  root: 3,
  worker: 4,
  batch: 5,
  batchSlice: 6,
  batchGpuSlice: 7,
} as const;

/** Slot flags. */
export const FLAG = {
  continued: 1 << 0,
  monotonic: 1 << 1,
  dropped: 1 << 2,
  unfinished: 1 << 3,
  truncated: 1 << 4,
  remoteParent: 1 << 5,
  clamped: 1 << 6,
  /** Of owners. */
  expired: 1 << 6,
  firstLevel: 1 << 7,
} as const;

/** Item: the payload's type bytes. */
export const ITEM = {
  end: 0,
  int: 1,
  double: 2,
  bool: 3,
  string: 4,
  event: 5,
  status: 6,
  gpu: 7,
  batchRef: 8,
  column: 9,
  name: 10,
  traceState: 11,
  losses: 12,
  strings: 13,
  numbers: 14,
  exception: 15,
  link: 16,
  offsetColumn: 17,
} as const;

/** OpenRequest. */
export const REQUEST = { state: 4, ownsRoot: 6, traceId: 8, rootStart: 40, workerStart: 56, bytes: 128 } as const;

/** OpenBatch. */
export const BATCH = {
  generation: 0,
  state: 4,
  traceId: 8,
  spanId: 24,
  start: 32,
  members: 40,
  firstChunk: 48,
  bytes: 128,
} as const;

/** MemberChunk and, within it, BatchMember. */
export const CHUNK = { next: 0, members: 16, bytes: 16 + 48 * CHUNK_MEMBERS } as const;
export const MEMBER = { traceId: 0, workerSpanId: 16, parentSpanId: 24, leftAt: 32, level: 40, bytes: 48 } as const;

/** Names of loss reasons by number (native/core/loss.h): the tail of `gpuspan.lost.<name>`. */
export const LOSS_NAMES: readonly string[] = [
  'ring',
  'slices',
  'request',
  'lane',
  'stale',
  'time',
  'closed',
  'batch',
  'gpu_pool',
  'gpu_device',
  'gpu_capture',
  'gpu_context',
  'gpu_shutdown',
  'no_reader',
  'invalid',
];
