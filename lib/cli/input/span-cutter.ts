// SPDX-License-Identifier: Apache-2.0
//
// Cuts OTLP JSON into its spans and the little around them by looking at nothing but quotes and brackets, so that
// spans can be parsed by JSON.parse, which is many times faster than a parser that takes a text piece by piece.
// Called by OtlpDocument, which checks all that is outside of spans and knows what is a span, and by ChromeDocument for
// the events of a Chrome trace.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** `{"resourceSpans":[{"scopeSpans":[{"spans":[`: what is open around a span. */
const AROUND_SPAN = 6;

export interface CutSink {
  /** A part of the text that belongs to no object that was cut out. */
  readonly outside: (bytes: Buffer) => void;
  /** A whole object where OTLP has spans; nothing is known of it but that its brackets are balanced. */
  readonly object: (bytes: Buffer) => void;
}

export class SpanCutter {
  readonly #sink: CutSink;
  readonly #inObject: number;
  readonly #inArray: number;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Objects that are elements of an array at this depth are spans; one more when all of the text is an array. */
  #spanDepth: number;
  #inSpanList = false;
  #cutting = false;
  #pieces: Buffer[] = [];

  /** How many brackets are open around what is cut out, in a text that is an object, and in one that is an array. */
  constructor(sink: CutSink, inObject = AROUND_SPAN, inArray = inObject + 1) {
    this.#sink = sink;
    this.#inObject = inObject;
    this.#inArray = inArray;
    this.#spanDepth = inObject;
  }

  write(chunk: Buffer): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (this.#inString) {
        at = this.#stringEnd(chunk, at);
        continue;
      }
      const byte = chunk[at]!;
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#opens(byte)) {
          this.#sink.outside(chunk.subarray(from, at));
          from = at;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (this.#closes()) {
          this.#cut(chunk.subarray(from, at + 1));
          from = at + 1;
        }
      }
    }
    if (this.#cutting) this.#pieces.push(chunk.subarray(from));
    else if (from < chunk.length) this.#sink.outside(chunk.subarray(from));
  }

  /** Where the string that is open ends, or the chunk. */
  #stringEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (this.#escaped) this.#escaped = false;
      else if (chunk[at] === BACKSLASH) this.#escaped = true;
      else if (chunk[at] === QUOTE) {
        this.#inString = false;
        return at;
      }
    }
    return chunk.length;
  }

  /** Whether the bracket begins an object to cut out. */
  #opens(byte: number): boolean {
    if (this.#depth === 0) this.#spanDepth = byte === OPEN_BRACKET ? this.#inArray : this.#inObject;
    const begins = !this.#cutting && byte === OPEN_BRACE && this.#inSpanList && this.#depth === this.#spanDepth;
    if (begins) this.#cutting = true;
    this.#depth++;
    if (this.#depth === this.#spanDepth) this.#inSpanList = byte === OPEN_BRACKET;
    return begins;
  }

  /** Whether the bracket ends it. */
  #closes(): boolean {
    this.#depth = Math.max(0, this.#depth - 1);
    if (!this.#cutting || this.#depth > this.#spanDepth) return false;
    this.#cutting = false;
    return true;
  }

  #cut(last: Buffer): void {
    const bytes = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#sink.object(bytes);
  }
}
