// SPDX-License-Identifier: Apache-2.0
//
// Names that a trace's events refer to by number: the text is written once, in the packet that uses it first. Bounded: a
// name beyond MAX_NAMES is written out wherever it is used.

import { ProtobufWriter } from '../protobuf/writer';

/** One name, as a field of whatever may have such a name. */
export interface InternedName {
  readonly bytes: Uint8Array;
}

interface Explanation {
  /** The field of InternedData. */
  readonly field: number;
  readonly id: number;
  readonly text: string;
}

/** Most names of each kind, the dictionary of a segment holds as many. */
export const MAX_NAMES = 65_536;

interface Kind {
  /** The field of InternedData. */
  readonly data: number;
  /** The field for the number, and for the text itself. */
  readonly reference: number;
  readonly text: number;
}

const CATEGORY: Kind = { data: 1, reference: 3, text: 22 };
const EVENT_NAME: Kind = { data: 2, reference: 10, text: 23 };
const ARGUMENT: Kind = { data: 3, reference: 1, text: 10 };

class Table {
  readonly known = new Map<string, InternedName>();

  constructor(readonly kind: Kind) {}
}

export class InternedNames {
  /** There are names that no packet has explained yet. */
  hasNew = false;
  private readonly categories = new Table(CATEGORY);
  private readonly events = new Table(EVENT_NAME);
  private readonly arguments = new Table(ARGUMENT);
  private fresh: Explanation[] = [];

  category(text: string): InternedName {
    return this.intern(this.categories, text);
  }

  event(text: string): InternedName {
    return this.intern(this.events, text);
  }

  argument(text: string): InternedName {
    return this.intern(this.arguments, text);
  }

  /** The packets that explained the names are lost: the next one explains them all. */
  explainAgain(): void {
    this.fresh = [this.categories, this.events, this.arguments].flatMap(({ kind, known }) =>
      [...known.keys()].map((text, index) => ({ field: kind.data, id: index + 1, text })),
    );
    this.hasNew = this.fresh.length > 0;
  }

  /** TracePacket.interned_data of the packet that is open. */
  writeNew(out: ProtobufWriter): void {
    out.reserve(2);
    out.tag(12, 2);
    const data = out.begin();
    for (const { field, id, text } of this.fresh) {
      out.reserve(16);
      out.tag(field, 2);
      const entry = out.begin();
      out.tag(1, 0);
      out.varint(id);
      out.tag(2, 2);
      out.text(text);
      out.end(entry);
    }
    out.end(data);
    this.fresh = [];
    this.hasNew = false;
  }

  private intern({ kind, known }: Table, text: string): InternedName {
    const name = known.get(text);
    if (name !== undefined) return name;
    if (known.size >= MAX_NAMES) return { bytes: textBytes(kind.text, text) };
    const id = known.size + 1;
    const made = { bytes: referenceBytes(kind.reference, id) };
    known.set(text, made);
    this.fresh.push({ field: kind.data, id, text });
    this.hasNew = true;
    return made;
  }
}

function referenceBytes(field: number, id: number): Uint8Array {
  const out = new ProtobufWriter(8);
  out.tag(field, 0);
  out.varint(id);
  return Uint8Array.prototype.slice.call(out.bytes, 0, out.at);
}

function textBytes(field: number, text: string): Uint8Array {
  const out = new ProtobufWriter(8);
  out.tag(field, 2);
  out.text(text);
  return Uint8Array.prototype.slice.call(out.bytes, 0, out.at);
}
