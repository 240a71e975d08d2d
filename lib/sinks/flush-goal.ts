// SPDX-License-Identifier: Apache-2.0
//
// When a flush has read enough: everything that was in the rings when it was asked for. Threads may go on
// recording meanwhile, so "nothing left" alone would let a busy process flush for ever. Used by Drain.
import type { Reading } from '../spans/record-pipeline';
import { hasReached, type Position } from './unread';

export class FlushGoal {
  readonly ticket: number;
  /** The last of the ledger's entries that belong to this flush; set when `reached`. */
  lastEntry: number | undefined;
  /** Whether the sink's own flush is under way. */
  finishing = false;
  // Where reading has to get to, per lane that is not there yet.
  readonly #ends: Map<number, Position>;

  /** `ends` of what was published when the flush was asked for, `read` as far as each lane was read before. */
  constructor(ticket: number, ends: ReadonlyMap<number, Position>, read: ReadonlyMap<number, Position>) {
    this.ticket = ticket;
    this.#ends = new Map(ends);
    for (const [lane, position] of read) this.#pass(lane, position);
  }

  get reached(): boolean {
    return this.#ends.size === 0;
  }

  /** What the reader's last read returned. */
  noteRead(batch: Pick<Reading<unknown>, 'lanes'> | undefined): void {
    if (batch === undefined) this.#ends.clear();
    else for (const progress of batch.lanes) this.#pass(progress.lane, progress);
  }

  #pass(lane: number, position: Position): void {
    const end = this.#ends.get(lane);
    if (end !== undefined && hasReached(position, end)) this.#ends.delete(lane);
  }
}
