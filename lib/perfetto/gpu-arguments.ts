// SPDX-License-Identifier: Apache-2.0
//
// What a GPU slice says besides its attributes, as arguments, with the names that its span has (docs/design/spans.md).

import { FLAG, SLOT_WORD } from '../segment/layout';
import { WORD } from '../segment/position';
import type { RingReader } from '../segment/ring-reader';
import { GPU_SOURCES } from '../spans/gpu-attributes';
import type { RecordClock } from '../spans/record-clock';
import type { ArgumentWriter } from './arguments';
import type { SegmentNames } from './segment-names';

const SIMULATED = 'simulated';
// Of the payload's item, behind its type byte.
const ITEM_OFFSET = { launch: 0, source: 8, device: 9, uuid: 19, sampling: 21 } as const;

export class GpuArguments {
  device = 0;
  stream = 0;
  isSimulated = false;
  private source = '';
  private readonly launch = new Uint32Array(2);

  constructor(
    private readonly ring: RingReader,
    private readonly clock: RecordClock,
    private readonly names: SegmentNames,
    private readonly values: ArgumentWriter,
  ) {}

  /** `at`: of the item in the ring reader's bytes. */
  read(at: number): void {
    const { view, words, base } = this.ring;
    this.device = view.getUint16(at + ITEM_OFFSET.device, true);
    this.stream = words[base + SLOT_WORD.tail + 1]! & 0xffff;
    this.source = GPU_SOURCES[view.getUint8(at + ITEM_OFFSET.source)] ?? 'unknown';
    this.isSimulated = this.source === SIMULATED;
  }

  /** After `read`. `start`: the slice's, in epoch ns. */
  write(at: number, start: Uint32Array): void {
    const { view, words, base, flags } = this.ring;
    const { names, values, launch } = this;
    const launchAt = at + ITEM_OFFSET.launch;
    this.clock.putWords(view.getUint32(launchAt, true), view.getUint32(launchAt + 4, true), true, launch);
    values.text(names.own('gpu.time.source'), this.source);
    values.number(names.own('gpu.time.bound_ns'), words[base + SLOT_WORD.tail]! >>> 0);
    if ((flags & FLAG.clamped) !== 0) values.bool(names.own('gpu.time.clamped'), true);
    values.int64(names.own('gpu.launch_time_ns'), launch[0]!, launch[1]!);
    values.number(names.own('gpu.queue_delay_ns'), (start[1]! - launch[1]!) * WORD + (start[0]! - launch[0]!));
    const uuid = view.getUint16(at + ITEM_OFFSET.uuid, true);
    if (uuid !== 0) values.text(names.own('gpu.uuid'), names.text(uuid));
    const sampling = view.getUint16(at + ITEM_OFFSET.sampling, true);
    if (sampling > 1) values.number(names.own('gpu.sampling_ratio'), sampling);
  }
}
