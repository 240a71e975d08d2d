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
import { ReaderLoss, type ReaderLossIndex, READER_LOSS_SLOTS } from './reader-loss';
import type { SpanLoss } from './sink';

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

// Slices of a batch that are still to be booked to a reason.
interface Loss {
  readonly reason: ReaderLossIndex;
  slices: number;
}

/** One batch between reading and the sink's answer. */
export interface Entry {
  readonly number: number;
  settled: boolean;
  /** Advanced before they were settled; in `held` until then. */
  readonly advanced: Part[];
  /** In the order in which they are booked. */
  readonly losses: Loss[];
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
      losses: [{ reason: ReaderLoss.corrupt, slices: batch.corrupt }],
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

  /** The sink has answered: `failedSpans`, `rejectedSpans` and `others` of the entry's spans did not arrive. */
  settle(entry: Entry, failedSpans: number, rejectedSpans = 0, others: readonly SpanLoss[] = []): void {
    const { slices } = entry; // the corrupt ones are not among them
    let lostSpans = 0;
    const lose = ({ reason, spans }: SpanLoss): void => {
      const lost = Math.min(spans, entry.spans - lostSpans);
      lostSpans += lost;
      entry.losses.push({ reason, slices: share(entry, slices, lost) });
    };
    lose({ reason: ReaderLoss.exportFailed, spans: failedSpans });
    lose({ reason: ReaderLoss.rejected, spans: rejectedSpans });
    for (const other of others) lose(other);
    entry.failedOwners = share(entry, entry.owners, lostSpans);
    this.#close(entry);
  }

  /** The reader stops: what was advanced and never answered is lost, the rest stays in the rings. */
  abandon(): void {
    for (const entry of this.#open) {
      entry.losses.push({ reason: ReaderLoss.shutdown, slices: entry.slices });
      entry.failedOwners = entry.owners;
      for (const part of entry.advanced.splice(0)) this.#bookHeld(part);
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

  #close(entry: Entry): void {
    if (entry.settled || !this.#open.delete(entry)) return;
    entry.settled = true;
    for (const part of entry.advanced.splice(0)) this.#bookHeld(part);
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
        this.#book(part);
      } else {
        this.#held += part.slices;
        part.entry.advanced.push(part);
      }
    }
    if (parts.length === 0) this.#waiting.delete(lane);
  }

  #bookHeld(part: Part): void {
    this.#held -= part.slices;
    this.#book(part);
  }

  // Which slices of a batch failed is not known, so its losses are taken from its parts as they come.
  #book(part: Part): void {
    const { entry } = part;
    let delivered = part.slices;
    for (const loss of entry.losses) {
      const lost = Math.min(loss.slices, delivered);
      loss.slices -= lost;
      delivered -= lost;
      this.#lose(loss.reason, lost);
    }
    const failedOwners = Math.min(entry.failedOwners, part.owners);
    entry.failedOwners -= failedOwners;
    this.#delivered += delivered;
    this.#ownersDelivered += part.owners - failedOwners;
    this.#ownersLost += failedOwners;
  }

  #lose(reason: number, slices: number): void {
    this.#lost[reason] = (this.#lost[reason] ?? 0) + slices;
  }
}

// A span is not always one slice (members of a batch), so a partial failure is shared out, rounded up.
function share({ spans }: Entry, whole: number, lostSpans: number): number {
  return Math.min(whole, Math.ceil((whole * lostSpans) / Math.max(1, spans)));
}
