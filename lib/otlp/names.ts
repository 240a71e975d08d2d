// SPDX-License-Identifier: Apache-2.0
//
// The segment's names as OTLP writes them, each encoded once: stages as the fields that follow a span's parent, keys as
// the first field of a KeyValue. Two ids with one text share one key, so that an attribute given twice is noticed.

import type { Dictionary, DictionaryEntry } from '../segment/dictionary';
import { type Fragment, makeFragment } from '../protobuf/fragment';
import type { ProtobufWriter } from '../protobuf/writer';

export interface Key {
  readonly encoded: Fragment;
  /** Reads as an array index: objects list such keys first, whatever the order in which they were given. */
  readonly isIndex: boolean;
  /** The record that has it already. */
  record: number;
}

export interface StageName {
  /** Name and kind, up to the tag of the start time. */
  readonly encoded: Fragment;
  readonly level: number;
  /** The length of the last span of this stage took two bytes: a guess for the next one. */
  isLong: boolean;
}

interface Known<T> {
  readonly entry: DictionaryEntry;
  readonly value: T;
}

/** As OTLP numbers them. */
export const SPAN_KIND = { internal: 1, server: 2 } as const;

export class Names {
  private readonly stages: (Known<StageName> | undefined)[] = [];
  private readonly keys: (Known<Key> | undefined)[] = [];
  private readonly byText = new Map<string, Key>();

  constructor(private readonly dictionary: Dictionary) {}

  stage(id: number): StageName {
    // By the entry, because an id that is not published yet reads as `other` until it is.
    const entry = this.dictionary.entry(id);
    const known = this.stages[id];
    if (known !== undefined && known.entry === entry) return known.value;
    const value = { encoded: encodeName(entry.text, SPAN_KIND.internal), level: entry.level, isLong: true };
    put(this.stages, id, { entry, value });
    return value;
  }

  key(id: number): Key {
    const entry = this.dictionary.entry(id);
    const known = this.keys[id];
    if (known !== undefined && known.entry === entry) return known.value;
    const value = this.ownKey(entry.text);
    put(this.keys, id, { entry, value });
    return value;
  }

  /** One that the encoder itself uses. */
  ownKey(text: string): Key {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    const key = { encoded: encodeKey(text), isIndex: /^\d+$/.test(text), record: 0 };
    this.byText.set(text, key);
    return key;
  }

  text(id: number): string {
    return this.dictionary.text(id);
  }
}

// Without holes, which would make every access slow.
function put<T>(list: (T | undefined)[], index: number, value: T): void {
  while (list.length <= index) list.push(undefined);
  list[index] = value;
}

/** Name and kind, up to the tag of the start time. */
export function encodeName(text: string, kind: number): Fragment {
  return makeFragment((writer) => {
    writer.tag(5, 2);
    writer.text(text);
    writeKind(writer, kind);
  });
}

/** What follows a name, up to the tag of the start time. */
export function writeKind(writer: ProtobufWriter, kind: number): void {
  writer.tag(6, 0);
  writer.varint(kind);
  writer.tag(7, 1);
}

function encodeKey(text: string): Fragment {
  return makeFragment((writer) => {
    writer.tag(1, 2);
    writer.text(text);
    writer.tag(2, 2);
  });
}
