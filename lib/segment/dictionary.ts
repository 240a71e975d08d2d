// SPDX-License-Identifier: Apache-2.0
//
// Names by their 16-bit ids. Entries never change once published, so each is read and decoded once; one that is
// not published yet is asked for again next time. An id that names nothing reads as `other`, as the writer does
// when the dictionary is full.

import { ENTRY } from './layout';
import type { SegmentHeader } from './header';
import type { SegmentSource } from './source';

export interface DictionaryEntry {
  readonly text: string;
  /** Stages and events: 1..4. */
  readonly level: number;
  /** Dictionary id of the module; 0 for keys and strings. */
  readonly module: number;
}

const OTHER: DictionaryEntry = Object.freeze({ text: 'other', level: 1, module: 0 });

export class Dictionary {
  private readonly entries: (DictionaryEntry | undefined)[] = [];
  private readonly bytes = Buffer.alloc(ENTRY.bytes);

  constructor(
    private readonly source: SegmentSource,
    private readonly header: SegmentHeader,
  ) {}

  entry(id: number): DictionaryEntry {
    return this.entries[id] ?? this.load(id);
  }

  text(id: number): string {
    return this.entry(id).text;
  }

  private load(id: number): DictionaryEntry {
    const { dictionaryCapacity, dictionaryOffset } = this.header;
    if (id >= dictionaryCapacity) return OTHER;
    if (!this.source.read(dictionaryOffset + id * ENTRY.bytes, ENTRY.bytes, this.bytes)) return OTHER;
    const word = this.bytes.readUInt32LE(ENTRY.word);
    const length = word >>> 16;
    if (word === 0 || length > ENTRY.maxText) return OTHER;
    const text = this.bytes.toString('utf8', ENTRY.text, ENTRY.text + length);
    // As a property name it would replace the prototype of the attributes it is put into.
    const safe = text === '__proto__' ? OTHER.text : text;
    const entry = { text: safe, level: (word >>> 8) & 0xff, module: this.bytes.readUInt16LE(ENTRY.module) };
    while (this.entries.length <= id) this.entries.push(undefined);
    this.entries[id] = entry;
    return entry;
  }
}
