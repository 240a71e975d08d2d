// SPDX-License-Identifier: Apache-2.0
//
// The processes, threads, GPU streams and counters of a Chrome trace, and the names that its metadata events give them,
// which may come behind what they name. Used by the encoder of its events.
import type { Fields } from '../input/otlp-span';
import type { Places } from './places';
import { RANK } from './span-place';

const MAX_NAME = 120;

/** Of a file. */
export interface KinetoName {
  /** No other file's. */
  readonly key: string;
  /** As shown. */
  readonly name: string;
}

export class KinetoPlaces {
  readonly #places: Places;
  readonly #file: KinetoName;

  /** `file`: tells its processes from those of other files. */
  constructor(places: Places, file: KinetoName) {
    this.#places = places;
    this.#file = file;
  }

  process(pid: string): number {
    return this.#places.process(`kineto ${this.#file.key} ${pid}`, () => ({
      name: short(`${/^\d/.test(pid) ? 'process ' : ''}${pid} (${this.#file.name})`),
      attributes: {},
    }));
  }

  thread(pid: string, tid: string): number {
    return this.#places.place(this.process(pid), `thread ${tid}`, () => ({
      kind: 'stack',
      name: short(`thread ${tid}`),
      rank: RANK.thread,
    }));
  }

  counter(pid: string, name: string): number {
    return this.#places.place(this.process(pid), `counter ${name}`, () => ({
      kind: 'counter',
      name: short(name),
      rank: RANK.counter,
      unit: '',
    }));
  }

  /** What a metadata event says. */
  name(what: string, pid: string, tid: string, args: Fields): void {
    const text = (key: string): string => (typeof args[key] === 'string' ? (args[key] as string) : '');
    if (what === 'process_name') {
      this.#places.renameProcess(this.process(pid), short(`${text('name')} ${pid} (${this.#file.name})`.trim()));
    } else if (what === 'process_labels') {
      this.#places.labelProcess(this.process(pid), short(text('labels')));
    } else if (what === 'thread_name' && text('name') !== '') {
      this.#places.rename(this.thread(pid, tid), short(text('name')));
    } else if (what === 'thread_sort_index') {
      this.#places.sort(this.thread(pid, tid), RANK.thread + rankOf(args['sort_index']));
    }
  }
}

function rankOf(index: unknown): number {
  const most = RANK.stream - RANK.thread - 1;
  return typeof index === 'number' && index >= 0 ? Math.min(Math.floor(index), most) : 0;
}

function short(text: string): string {
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME - 1)}…` : text;
}
