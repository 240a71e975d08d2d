// SPDX-License-Identifier: Apache-2.0
//
// The attributes of a GPU slice, encoded: the same in the same order as lib/spans/gpu-attributes.ts makes as an object.

import { FLAG, SLOT_WORD } from '../segment/layout';
import { WORD } from '../segment/position';
import type { RingReader } from '../segment/ring-reader';
import { GPU_SOURCES } from '../spans/gpu-attributes';
import type { RecordClock } from '../spans/record-clock';
import type { AttributeEncoder } from './attribute-encoder';
import type { Key, Names } from './names';

const SECOND = 1e9;
// Of the payload's item, behind its type byte.
const ITEM_OFFSET = { launch: 0, source: 8, device: 9, uuid: 19, sampling: 21 } as const;

export class GpuEncoder {
  /** When the current record's work was launched: nanoseconds of the epoch, as two u32 halves. */
  readonly launch = new Uint32Array(2);
  private readonly source: Key;
  private readonly bound: Key;
  private readonly clamped: Key;
  private readonly device: Key;
  private readonly stream: Key;
  private readonly launchTime: Key;
  private readonly queueDelay: Key;
  private readonly uuid: Key;
  private readonly sampling: Key;

  constructor(
    private readonly ring: RingReader,
    private readonly names: Names,
    private readonly clock: RecordClock,
    private readonly attributes: AttributeEncoder,
  ) {
    this.source = names.ownKey('gpu.time.source');
    this.bound = names.ownKey('gpu.time.bound_ns');
    this.clamped = names.ownKey('gpu.time.clamped');
    this.device = names.ownKey('gpu.device');
    this.stream = names.ownKey('gpu.stream');
    this.launchTime = names.ownKey('gpu.launch_time_ns');
    this.queueDelay = names.ownKey('gpu.queue_delay_ns');
    this.uuid = names.ownKey('gpu.uuid');
    this.sampling = names.ownKey('gpu.sampling_ratio');
  }

  /** `at`: of the item in the ring reader's bytes. False: it declines, as the attribute encoder does. */
  encode(at: number, start: Uint32Array): boolean {
    const { view, words, base, flags } = this.ring;
    const { attributes, launch } = this;
    if (!this.areNew()) return false;
    const launchAt = at + ITEM_OFFSET.launch;
    this.clock.putWords(view.getUint32(launchAt, true), view.getUint32(launchAt + 4, true), true, launch);
    const delay = (start[1]! - launch[1]!) * WORD + (start[0]! - launch[0]!);
    if (!Number.isSafeInteger(delay)) return false;
    const tail = base + SLOT_WORD.tail;
    attributes.text(this.source, GPU_SOURCES[view.getUint8(at + ITEM_OFFSET.source)] ?? 'unknown');
    attributes.number(this.bound, words[tail]! >>> 0);
    attributes.bool(this.clamped, (flags & FLAG.clamped) !== 0);
    attributes.number(this.device, view.getUint16(at + ITEM_OFFSET.device, true));
    attributes.number(this.stream, words[tail + 1]! & 0xffff);
    attributes.text(this.launchTime, epochText(launch));
    attributes.number(this.queueDelay, delay);
    const uuid = view.getUint16(at + ITEM_OFFSET.uuid, true);
    if (uuid !== 0) attributes.text(this.uuid, this.names.text(uuid));
    const sampling = view.getUint16(at + ITEM_OFFSET.sampling, true);
    if (sampling > 1) attributes.number(this.sampling, sampling);
    return true;
  }

  private areNew(): boolean {
    const { attributes } = this;
    return (
      attributes.isNew(this.source) &&
      attributes.isNew(this.bound) &&
      attributes.isNew(this.clamped) &&
      attributes.isNew(this.device) &&
      attributes.isNew(this.stream) &&
      attributes.isNew(this.launchTime) &&
      attributes.isNew(this.queueDelay) &&
      attributes.isNew(this.uuid) &&
      attributes.isNew(this.sampling)
    );
  }
}

/** Nanoseconds in two u32 halves as seconds and nine digits, which is their decimal text. */
function epochText(time: Uint32Array): string {
  // The seconds may be off by one, which the remainder, exact modulo 2^32, tells.
  let seconds = Math.floor((time[1]! * WORD + time[0]!) / SECOND);
  let nanos = (time[0]! - (Math.imul(seconds, SECOND) >>> 0)) >>> 0;
  if (nanos >= SECOND) {
    const isBelow = nanos < 2 * SECOND;
    seconds += isBelow ? 1 : -1;
    nanos = (isBelow ? nanos - SECOND : nanos + SECOND) >>> 0;
  }
  return `${seconds}${String(nanos).padStart(9, '0')}`;
}
