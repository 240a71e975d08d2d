// SPDX-License-Identifier: Apache-2.0
//
// The process's own segment, read through the addon. Used by the environment that holds the reader's lease.

import type { Native } from '../native';
import type { SegmentSource } from './source';

export class LiveSource implements SegmentSource {
  readonly size: number;

  constructor(private readonly native: Native) {
    this.size = native.segmentBytes();
  }

  read(offset: number, length: number, into: Uint8Array): boolean {
    return this.native.read(offset, length, into);
  }
}
