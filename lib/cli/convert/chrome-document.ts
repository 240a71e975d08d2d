// SPDX-License-Identifier: Apache-2.0
//
// A Chrome JSON trace, an object with `traceEvents` or an array of events, piece by piece: events are handed on as they
// are complete and not kept. Each is cut out and parsed by itself, `true` stands for it in the rest, which a tokenizer
// checks. Called by the reader of Kineto's files. Throws what is wrong with the text; what was handed on stays valid.
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { parseJson } from '../input/json-value';
import { SpanCutter } from '../input/span-cutter';

/** Read without one value being complete: no event is that large. */
export const MAX_EVENT_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 200;
const PIECE_BYTES = 64 * 1024;
const PLACEHOLDER = Buffer.from(' true');
const AROUND_EVENT = { object: 2, array: 1 };
const EVENTS = 'traceEvents';
const BASE = 'baseTimeNanoseconds';

export interface ChromeSink {
  /** An element of the list of events, whatever it is. */
  readonly event: (event: unknown) => void;
  /** The epoch time that all times count from, as the text has it. */
  readonly base: (nanos: unknown) => void;
}

/** Integers that a double may not hold are bigints: the base has 19 digits. */
class ExactTokenizer extends Tokenizer {
  protected override parseNumber(text: string): number {
    return (/^-?\d{16,20}$/.test(text) ? BigInt(text) : Number(text)) as number;
  }
}

export class ChromeDocument {
  readonly #sink: ChromeSink;
  readonly #parses: boolean;
  readonly #tokenizer = new ExactTokenizer();
  readonly #cutter = new SpanCutter(
    { outside: (bytes) => this.#tokenize(bytes), object: (bytes) => this.#cut(bytes) },
    AROUND_EVENT.object,
    AROUND_EVENT.array,
  );
  #parser: TokenParser | undefined;
  #object: unknown;
  #depth = 0;
  #sinceValue = 0;

  /** `parses`: false leaves the events out, to find what stands around them. */
  constructor(sink: ChromeSink, parses = true) {
    this.#sink = sink;
    this.#parses = parses;
    this.#tokenizer.onToken = (token) => {
      this.#parser ??= this.#makeParser(token.token);
      this.#count(token.token);
      this.#parser.write(token);
    };
  }

  /** Arrays and objects that are open. */
  get depth(): number {
    return this.#depth;
  }

  /** Keeps parts of `bytes`, which must not change. @throws Error what is wrong with the text */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      this.#sinceValue += piece.length;
      if (this.#sinceValue > MAX_EVENT_BYTES) {
        throw new Error(`${MAX_EVENT_BYTES >> 20} MiB without one complete event`);
      }
      this.#cutter.write(piece);
    }
  }

  #makeParser(first: TokenType): TokenParser {
    const paths = first === TokenType.LEFT_BRACKET ? ['$.*'] : [`$.${EVENTS}.*`, `$.${BASE}`];
    const parser = new TokenParser({ paths, keepStack: false });
    parser.onValue = ({ value, key }) => {
      this.#sinceValue = 0;
      if (key === BASE) this.#sink.base(value);
      else this.#sink.event(this.#object ?? value);
    };
    return parser;
  }

  #tokenize(bytes: Buffer): void {
    if (bytes.length > 0) this.#tokenizer.write(bytes);
  }

  #cut(bytes: Buffer): void {
    this.#sinceValue = 0;
    this.#object = this.#parses ? parsed(bytes) : undefined;
    this.#tokenizer.write(PLACEHOLDER);
    this.#object = undefined;
  }

  #count(token: TokenType): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth++;
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--;
    if (this.#depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} deep`);
  }
}

// An event that is not JSON is one bad event, as its placeholder is, and no fault of what is around it.
function parsed(bytes: Buffer): unknown {
  try {
    return parseJson(bytes.toString());
  } catch {
    return undefined;
  }
}
