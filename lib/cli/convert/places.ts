// SPDX-License-Identifier: Apache-2.0
//
// The processes, threads and GPU streams that the input names, numbered while it is read: later the sweep makes tracks of
// them. Bounded: what is beyond the limits shares a place called `other`.

export const MAX_PROCESSES = 4096;
export const MAX_PLACES = 20_000;

/** A process, or what the input has for one. */
export interface Process {
  readonly name: string;
  /** undefined: not known, or no number that a process has. */
  readonly pid?: number;
  /** Shown behind its name. */
  readonly label?: string;
  /** Shown beside its tracks. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Place among the others. */
  readonly rank: number;
}

export type PlaceKind =
  /** Requests that no thread is known of: a lane for each that is there at a time. */
  | 'requests'
  /** Batches, the same. */
  | 'batches'
  /** A thread, with lanes for its requests. */
  | 'thread'
  /** A GPU stream, or a thread of another program: slices nest by their times. */
  | 'stack'
  /** Values over time. */
  | 'counter';

export interface Place {
  readonly kind: PlaceKind;
  /** Its number. */
  readonly process: number;
  readonly name: string;
  readonly rank: number;
  /** Of a counter. */
  readonly unit?: string;
}

export class Places {
  readonly #processes = new Map<string, number>();
  readonly #byKey = new Map<string, number>();
  readonly #processList: Process[] = [];
  readonly #places: Place[] = [];

  /** Processes that were named. */
  get processes(): number {
    return this.#processList.length;
  }

  /** The number of the process with this key; `make` describes it the first time. */
  process(key: string, make: () => Omit<Process, 'rank'>): number {
    const known = this.#processes.get(key);
    if (known !== undefined) return known;
    const isFull = this.#processList.length >= MAX_PROCESSES;
    if (isFull && key !== OTHER) return this.process(OTHER, () => ({ name: 'other processes', attributes: {} }));
    const number = this.#processList.length;
    this.#processList.push({ ...make(), rank: number });
    this.#processes.set(key, number);
    return number;
  }

  /** The number of the place with this key in a process; `make` describes it the first time. */
  place(process: number, key: string, make: () => Omit<Place, 'process'>): number {
    const whole = `${process} ${key}`;
    const known = this.#byKey.get(whole);
    if (known !== undefined) return known;
    if (this.#places.length >= MAX_PLACES) return this.#other(make().kind);
    const number = this.#places.length;
    this.#places.push({ ...make(), process });
    this.#byKey.set(whole, number);
    return number;
  }

  get(place: number): Place {
    return this.#places[place]!;
  }

  processOf(place: number): Process {
    return this.#processList[this.get(place).process]!;
  }

  rename(place: number, name: string): void {
    this.#places[place] = { ...this.get(place), name };
  }

  /** Puts it to another rank among the places of its process. */
  sort(place: number, rank: number): void {
    this.#places[place] = { ...this.get(place), rank };
  }

  renameProcess(process: number, name: string): void {
    this.#processList[process] = { ...this.#processList[process]!, name };
  }

  /** Shown behind its name. */
  labelProcess(process: number, label: string): void {
    this.#processList[process] = { ...this.#processList[process]!, label };
  }

  // One of each kind, so at most five beyond the limit.
  #other(kind: PlaceKind): number {
    const known = this.#byKey.get(`${OTHER} ${kind}`);
    if (known !== undefined) return known;
    const process = this.process(OTHER, () => ({ name: 'other processes', attributes: {} }));
    const number = this.#places.length;
    this.#places.push({ kind, process, name: `other ${kind}`, rank: 0 });
    this.#byKey.set(`${OTHER} ${kind}`, number);
    return number;
  }
}

const OTHER = 'other';
