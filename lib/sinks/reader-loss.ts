// SPDX-License-Identifier: Apache-2.0
//
// Why a slice that was read from a ring did not reach the sink. The reader publishes these counts in the
// segment (native `publishReader`), so the indices are part of its layout; `tracer.stats()` shows the names.
// Losses before reading (ring full, no lane, ...) are the producer's: native/core/loss.h.

/** Index of each reason in the published account. Stable: a segment of an older process may be read. */
export const ReaderLoss = {
  /** The exporter reported failure, threw, or did not answer in time. */
  exportFailed: 0,
  /** A reader ended between reading and delivering; counted by the one that took over. */
  readerGone: 1,
  /** The slot was malformed. */
  corrupt: 2,
  /** Read, but the reader was shut down before the exporter answered. */
  shutdown: 3,
  /** The receiver took the request, and said that it did not take these. */
  rejected: 4,
  /** The trace file could not be written. */
  fileFailed: 5,
  /** There is a trace file, which went on, and as much waited for the exporter as may. */
  queueFull: 6,
} as const;

export type ReaderLossIndex = (typeof ReaderLoss)[keyof typeof ReaderLoss];

/** Names by index, as in `gpuspan.lost.<name>`. */
export const READER_LOSS_NAMES: readonly string[] = [
  'export_failed',
  'reader_gone',
  'corrupt',
  'shutdown',
  'rejected',
  'file_failed',
  'queue_full',
];

/** Reasons the published account has room for (native/core/layout.h ReaderAccount). */
export const READER_LOSS_SLOTS = 16;
