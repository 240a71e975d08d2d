// SPDX-License-Identifier: Apache-2.0
//
// Where the bytes of a segment come from: the live mapping (live-source.ts), or a copy in memory or a file. All
// reading code stands on this one function, so it is the same for the export thread and for a post-mortem.

export interface SegmentSource {
  /** Bytes that can be read. */
  readonly size: number;
  /**
   * Copies `[offset, offset + length)` to the start of `into`, which is at least `length` long. Bytes that were
   * published before an earlier `read` returned are seen by this one. False, and nothing copied, when out of range.
   */
  read(offset: number, length: number, into: Uint8Array): boolean;
}

/** A segment that lies in memory: a copy of a dead process's, or a test's. */
export class MemorySource implements SegmentSource {
  readonly size: number;

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.length;
  }

  read(offset: number, length: number, into: Uint8Array): boolean {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size && length <= into.length)) return false;
    into.set(this.bytes.subarray(offset, offset + length));
    return true;
  }
}
