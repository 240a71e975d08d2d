// SPDX-License-Identifier: Apache-2.0
//
// The reader's books: which records were read, which the sink has settled, how far each ring may advance,
// and where every consumed slice went, so that consumed = delivered + held + lost at every publication.
// Used by one Drain, on the thread that reads.
//
// A ring advances when the sink has settled what was read from it (a reader that dies before that leaves the
// records to its successor), except where the ring is half full: there room matters more, it advances at
// once and the slices are `held` until settled.
import type { Native } from '../native';
import type { Reading } from '../spans/record-pipeline';
import { ReaderLoss, READER_LOSS_SLOTS } from './reader-loss';

type ReaderNative = Pick<Native, 'advance' | 'publishReader' | 'stats'>;

// What one batch took from one lane.
interface Part {
  readonly entry: Entry;
  readonly lane: number;
  readonly low: number;
  readonly high: number;
  readonly slices: number;
  readonly owners: number;
}

/** One batch between reading and the sink's answer. */
export interface Entry {
  readonly number: number;
  settled: boolean;
  /** Advanced before they were settled; in `held` until then. */
  readonly advanced: Part[];
  /** Still to be booked to the reason, of the batch's slices. */
  corrupt: number;
  failed: number;
  rejected: number;
  failedOwners: number;
  readonly spans: number;
  readonly slices: number;
  readonly owners: number;
}

export class Ledger {
  readonly #native: ReaderNative;
  readonly #published = new Float64Array(3 + READER_LOSS_SLOTS + 1);
  // Read but not advanced, per lane and in ring order.
  readonly #waiting = new Map<number, Part[]>();
  readonly #open = new Set<Entry>();
  readonly #lost: number[] = new Array<number>(READER_LOSS_SLOTS).fill(0);
  #delivered: number;
  #ownersDelivered: number;
  #ownersLost: number;
  #held = 0;
  #entries = 0;

  /** Continues the predecessor's account; what it had consumed and not settled is lost with it. */
  constructor(native: ReaderNative) {
    this.#native = native;
    const { consumed, reader } = native.stats();
    this.#delivered = reader.delivered;
    this.#ownersDelivered = reader.owners;
    this.#ownersLost = Math.max(reader.lostOwners, reader.consumedOwners - reader.owners);
    reader.lost.forEach((count, reason) => {
      this.#lost[reason] = count;
    });
    const settled = this.#lost.reduce((sum, count) => sum + count, this.#delivered);
    this.#lose(ReaderLoss.readerGone, Math.max(0, consumed - settled));
    this.publish();
  }

  /** Entries read so far; the newest has this number. */
  get read(): number {
    return this.#entries;
  }

  /** Whether every entry up to `number` is settled. */
  settledThrough(number: number): boolean {
    for (const entry of this.#open) {
      if (entry.number <= number) return false;
    }
    return true;
  }

  /** Opens the entry of a batch that was just read. */
  open(batch: Omit<Reading<unknown>, 'spans'>): Entry {
    const entry: Entry = {
      number: ++this.#entries,
      settled: false,
      advanced: [],
      corrupt: batch.corrupt,
      failed: 0,
      rejected: 0,
      failedOwners: 0,
      spans: batch.spanCount,
      slices: batch.slices,
      owners: batch.owners,
    };
    this.#open.add(entry);
    for (const { lane, low, high, slices, owners, full } of batch.lanes) {
      const parts = this.#waiting.get(lane) ?? [];
      parts.push({ entry, lane, low, high, slices, owners });
      this.#waiting.set(lane, parts);
      if (full) this.#advance(lane, () => true);
    }
    return entry;
  }

  /** The sink has answered: `failedSpans` and `rejectedSpans` of the entry's spans did not arrive. */
  settle(entry: Entry, failedSpans: number, rejectedSpans = 0): void {
    // A span is not always one slice (members of a batch), so a partial failure is shared out, rounded up.
    const spans = Math.max(1, entry.spans);
    const slices = entry.slices - entry.corrupt;
    entry.failed = Math.ceil((slices * failedSpans) / spans);
    entry.rejected = Math.min(slices - entry.failed, Math.ceil((slices * rejectedSpans) / spans));
    entry.failedOwners = Math.min(entry.owners, Math.ceil((entry.owners * (failedSpans + rejectedSpans)) / spans));
    this.#close(entry, ReaderLoss.exportFailed);
  }

  /** The reader stops: what was advanced and never answered is lost, the rest stays in the rings. */
  abandon(): void {
    for (const entry of this.#open) {
      entry.failed = entry.slices;
      entry.failedOwners = entry.owners;
      for (const part of entry.advanced.splice(0)) this.#bookHeld(part, ReaderLoss.shutdown);
    }
    this.forget();
    this.publish();
  }

  /** The lease is another reader's: what is open is its business, and answers to it change nothing any more. */
  forget(): void {
    this.#open.clear();
    this.#waiting.clear();
  }

  publish(): void {
    this.#published[0] = this.#delivered;
    this.#published[1] = this.#held;
    this.#published[2] = this.#ownersDelivered;
    this.#published.set(this.#lost, 3);
    this.#published[3 + READER_LOSS_SLOTS] = this.#ownersLost;
    this.#native.publishReader(this.#published);
  }

  #close(entry: Entry, reason: number): void {
    if (entry.settled || !this.#open.delete(entry)) return;
    entry.settled = true;
    for (const part of entry.advanced.splice(0)) this.#bookHeld(part, reason);
    for (const lane of [...this.#waiting.keys()]) this.#advance(lane, (part) => part.entry.settled);
  }

  // Advances `lane` over its oldest parts while `may` allows, in ring order.
  #advance(lane: number, may: (part: Part) => boolean): void {
    const parts = this.#waiting.get(lane) ?? [];
    for (let part = parts[0]; part !== undefined && may(part); part = parts[0]) {
      parts.shift();
      // Refused: not this ring's position any more. Then nothing was consumed, and nothing is booked.
      if (!this.#native.advance(lane, part.low, part.high, part.slices, part.owners)) continue;
      if (part.entry.settled) {
        this.#book(part, ReaderLoss.exportFailed);
      } else {
        this.#held += part.slices;
        part.entry.advanced.push(part);
      }
    }
    if (parts.length === 0) this.#waiting.delete(lane);
  }

  #bookHeld(part: Part, reason: number): void {
    this.#held -= part.slices;
    this.#book(part, reason);
  }

  // Which slices of a batch failed is not known, so its losses are taken from its parts as they come.
  #book(part: Part, reason: number): void {
    const { entry } = part;
    const corrupt = Math.min(entry.corrupt, part.slices);
    const failed = Math.min(entry.failed, part.slices - corrupt);
    const rejected = Math.min(entry.rejected, part.slices - corrupt - failed);
    const failedOwners = Math.min(entry.failedOwners, part.owners);
    entry.corrupt -= corrupt;
    entry.failed -= failed;
    entry.rejected -= rejected;
    entry.failedOwners -= failedOwners;
    this.#lose(ReaderLoss.corrupt, corrupt);
    this.#lose(reason, failed);
    this.#lose(ReaderLoss.rejected, rejected);
    this.#delivered += part.slices - corrupt - failed - rejected;
    this.#ownersDelivered += part.owners - failedOwners;
    this.#ownersLost += failedOwners;
  }

  #lose(reason: number, slices: number): void {
    this.#lost[reason] = (this.#lost[reason] ?? 0) + slices;
  }
}
