// SPDX-License-Identifier: Apache-2.0
//
// The memory of requests, used again once they are delivered: at a hundred megabytes a second, memory that is new every
// time costs the kernel's page faults and the collector's work, a sixth of what encoding takes.

/** An encoded ExportTraceServiceRequest. */
export interface OtlpRequest {
  readonly bytes: Uint8Array;
  readonly spanCount: number;
  /** Nobody reads the bytes any more: they may be written over. Need not be called. */
  letGo(): void;
}

/** As many as can be in flight, and those that are made meanwhile. */
const MOST_SPARE = 4;
/** Smaller ones are too rare to matter, and larger ones differ in size by less than this. */
const STEP_BYTES = 64 * 1024;

export class RequestMemory {
  private readonly spare: Buffer[] = [];

  /** A request with a copy of `bytes`. */
  make(bytes: Buffer, spanCount: number): OtlpRequest {
    const { length } = bytes;
    const memory = this.find(length);
    bytes.copy(memory);
    let isOut = memory.length >= STEP_BYTES;
    const letGo = (): void => {
      if (isOut && this.spare.length < MOST_SPARE) this.spare.push(memory);
      isOut = false;
    };
    return { bytes: memory.subarray(0, length), spanCount, letGo };
  }

  // One that is too small is dropped: requests have grown.
  private find(length: number): Buffer {
    if (length < STEP_BYTES) return Buffer.allocUnsafeSlow(length);
    const spare = this.spare.pop();
    if (spare !== undefined && spare.length >= length) return spare;
    return Buffer.allocUnsafeSlow((Math.floor(length / STEP_BYTES) + 2) * STEP_BYTES);
  }
}
