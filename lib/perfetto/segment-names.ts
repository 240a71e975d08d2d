// SPDX-License-Identifier: Apache-2.0
//
// The segment's names as a trace writes them: stages as an event's name and category, keys as an argument's name. Looked
// up by their ids, once each.

import type { Dictionary, DictionaryEntry } from '../segment/dictionary';
import type { InternedName, InternedNames } from './interned-names';

export interface StageName {
  readonly name: InternedName;
  /** The module's. */
  readonly category: InternedName;
}

interface Known<T> {
  readonly entry: DictionaryEntry;
  readonly value: T;
}

export class SegmentNames {
  private readonly stages: (Known<StageName> | undefined)[] = [];
  private readonly keys: (Known<InternedName> | undefined)[] = [];

  constructor(
    private readonly dictionary: Dictionary,
    private readonly names: InternedNames,
  ) {}

  stage(id: number): StageName {
    // By the entry, because an id that is not published yet reads as `other` until it is.
    const entry = this.dictionary.entry(id);
    const known = this.stages[id];
    if (known !== undefined && known.entry === entry) return known.value;
    const category = this.names.category(this.dictionary.text(entry.module));
    const value = { name: this.names.event(entry.text), category };
    put(this.stages, id, { entry, value });
    return value;
  }

  argument(id: number): InternedName {
    const entry = this.dictionary.entry(id);
    const known = this.keys[id];
    if (known !== undefined && known.entry === entry) return known.value;
    const value = this.names.argument(entry.text);
    put(this.keys, id, { entry, value });
    return value;
  }

  text(id: number): string {
    return this.dictionary.text(id);
  }

  /** One that is not the segment's. */
  own(text: string): InternedName {
    return this.names.argument(text);
  }
}

// Without holes, which would make every access slow.
function put<T>(list: (T | undefined)[], index: number, value: T): void {
  while (list.length <= index) list.push(undefined);
  list[index] = value;
}
