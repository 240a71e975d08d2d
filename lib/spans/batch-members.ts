// SPDX-License-Identifier: Apache-2.0
//
// Batches as the reader's current record refers to them: their entries, looked up once per read of the pipeline, and
// which members a batch slice is expanded to, with the ids their spans have (docs/design/spans.md has the rules).

import { FLAG, KIND, SLOT_WORD } from '../segment/layout';
import type { BatchEntry, BatchMember, MemberReader } from '../segment/members';
import type { RingReader } from '../segment/ring-reader';
import { memberSpanId } from './member-id';
import type { RecordClock } from './record-clock';

/** OpenTelemetry's default limit of links a span. */
export const MAX_LINKS = 128;
/**
 * A GPU slice belongs to the members present at its launch. Launch times and departures are read from different
 * clocks; with a departure this close after the launch the member's share is left out, lest its parent is missing.
 */
const CLOCK_MARGIN_NANOS = 1000;

/** What decides which members a batch slice belongs to. */
export interface BatchSlice {
  readonly level: number;
  /** When it was begun, or launched, in epoch time. */
  readonly since: readonly [number, number];
}

export class BatchMembers {
  /** Span id and parent's of the member that is being visited: int32 halves in memory order. */
  readonly id = new Int32Array(2);
  readonly parent = new Int32Array(2);
  private readonly entries = new Map<number, { generation: number; entry: BatchEntry | undefined }>();

  constructor(
    private readonly expandLevel: number,
    private readonly reader: MemberReader,
    private readonly ring: RingReader,
    private readonly clock: RecordClock,
  ) {}

  /** To be called after positions were read and before records are: what is kept was current then. */
  forget(): void {
    this.entries.clear();
  }

  find(lane: number, batch: number, generation: number): BatchEntry | undefined {
    const key = lane * 65_536 + batch;
    const known = this.entries.get(key);
    if (known !== undefined && known.generation === generation) return known.entry;
    const entry = this.reader.read(lane, batch, generation);
    this.entries.set(key, { generation, entry });
    return entry;
  }

  /** The entry that the tail of the current record, a batch span or a host slice of a batch, names. */
  findOwn(): BatchEntry | undefined {
    const at = this.ring.base + SLOT_WORD.tail;
    const head = this.ring.words[at]!;
    return this.find(head & 0xffff, head >>> 16, this.ring.words[at + 1]! >>> 0);
  }

  /** Calls `visit` for each member that the current record is expanded to, after `id` and `parent` were set. */
  forEach(slice: BatchSlice, entry: BatchEntry, visit: (member: BatchMember, index: number) => void): void {
    if (slice.level > this.expandLevel) return;
    const { words, base } = this.ring;
    const sliceLow = words[base + SLOT_WORD.spanId]!;
    const sliceHigh = words[base + SLOT_WORD.spanId + 1]!;
    const parentLow = words[base + SLOT_WORD.parentSpanId]!;
    const parentHigh = words[base + SLOT_WORD.parentSpanId + 1]!;
    const underBatch = parentLow === entry.spanLow && parentHigh === entry.spanHigh;
    const underMember = underBatch || this.isRetroactive();
    for (let index = 0; index < entry.members.length; index++) {
      const member = entry.members[index]!;
      if (member.level === 0 || member.level < slice.level || !this.wasMember(member, slice)) continue;
      if (underMember) {
        this.parent[0] = member.parentLow;
        this.parent[1] = member.parentHigh;
      } else {
        memberSpanId(parentLow, parentHigh, member.workerLow, member.workerHigh, this.parent);
      }
      memberSpanId(sliceLow, sliceHigh, member.workerLow, member.workerHigh, this.id);
      visit(member, index);
    }
  }

  // A retroactive slice may be older than the batch slice it was recorded under, which some of its members may not
  // have been there for; so it hangs directly below what the member had open.
  private isRetroactive(): boolean {
    return this.ring.kind === KIND.batchSlice && (this.ring.flags & FLAG.monotonic) !== 0;
  }

  private wasMember(member: BatchMember, slice: BatchSlice): boolean {
    if ((member.leftLow | member.leftHigh) === 0) return true;
    if ((this.ring.flags & FLAG.monotonic) === 0) {
      const at = this.ring.base + SLOT_WORD.start;
      const { words } = this.ring;
      return this.clock.ticksPrecede(words[at]! >>> 0, words[at + 1]! >>> 0, member.leftLow, member.leftHigh);
    }
    const left = this.clock.at(member.leftLow, member.leftHigh, false);
    return (left[0] - slice.since[0]) * 1e9 + (left[1] - slice.since[1]) > CLOCK_MARGIN_NANOS;
  }
}

/** The members whose worker spans a batch span links to: those that are not sampled have no spans to link to. */
export function sampledMembers(entry: BatchEntry): BatchMember[] {
  return entry.members.filter((member) => member.level > 0);
}
