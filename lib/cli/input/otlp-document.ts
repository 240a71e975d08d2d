// SPDX-License-Identifier: Apache-2.0
//
// One JSON text of any size, piece by piece: spans are handed on as they are complete and not kept. For lines too long
// to parse at once, files that are one object or array, and the sound part of a text that ends too soon. A tokenizer
// reads what is around the spans; each span is cut out, parsed by itself, and `true` stands for it in the rest.
// Called by the file reader. Throws what is wrong with the text; what was handed on before stays valid.
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import type { Attributes, ReceivedSpan } from '../../testing/otlp-json';
import { parseJson } from './json-value';
import { checkedSpan, resourceOf, scopeOf } from './otlp-span';
import { SpanCutter } from './span-cutter';

/** Read without one value being complete: no span is that large. */
export const MAX_SPAN_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 200;
const PIECE_BYTES = 64 * 1024;
const RESOURCE = 'resourceSpans.*';
const SCOPE = `${RESOURCE}.scopeSpans.*`;
const WANTED = [`${RESOURCE}.resource`, `${SCOPE}.scope`, `${SCOPE}.spans.*`];
/** A token that is complete with its last letter, unlike a number. */
const PLACEHOLDER = Buffer.from(' true');
const PATHS = WANTED.flatMap((path) => [`$.${path}`, `$.*.${path}`]);

export interface SpanSink {
  /** A sound span. */
  readonly span: (span: ReceivedSpan) => void;
  /** A malformed one. */
  readonly badSpan: () => void;
}

export class OtlpDocument {
  readonly #sink: SpanSink;
  readonly #tokenizer = new Tokenizer({ separator: '' });
  readonly #cutter = new SpanCutter({ outside: (bytes) => this.#tokenize(bytes), object: (bytes) => this.#cut(bytes) });
  /** What the placeholder stands for while it is tokenized. */
  #object: unknown;
  #depth = 0;
  #sinceValue = 0;
  #where = '';
  #resource: Attributes = {};
  #scope: ReceivedSpan['scope'] = { name: '', version: '' };

  constructor(sink: SpanSink) {
    this.#sink = sink;
    const parser = new TokenParser({ paths: PATHS, keepStack: false, separator: '' });
    parser.onValue = ({ value, key, stack }) => {
      this.#sinceValue = 0;
      this.#take(
        value,
        key,
        stack.map((element) => element.key),
      );
    };
    this.#tokenizer.onToken = (token) => {
      this.#count(token.token);
      parser.write(token);
    };
  }

  /** Arrays and objects that are open; 0 between two texts. */
  get depth(): number {
    return this.#depth;
  }

  /** Keeps parts of `bytes`, which must not change. @throws Error what is wrong with the text */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      this.#sinceValue += piece.length;
      if (this.#sinceValue > MAX_SPAN_BYTES) throw new Error(`${MAX_SPAN_BYTES >> 20} MiB without one complete span`);
      this.#cutter.write(piece);
    }
  }

  #tokenize(bytes: Buffer): void {
    if (bytes.length > 0) this.#tokenizer.write(bytes);
  }

  #cut(bytes: Buffer): void {
    this.#object = parseJson(bytes.toString());
    this.#tokenizer.write(PLACEHOLDER);
    this.#object = undefined;
  }

  #count(token: TokenType): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth++;
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--;
    if (this.#depth === 0) this.#where = '';
    if (this.#depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} deep`);
  }

  // A resource or scope that is written behind its spans comes too late for them, and must not pass for the next one's.
  #take(value: unknown, key: unknown, stack: readonly unknown[]): void {
    const names = stack.slice(1);
    const resource = names.indexOf('resourceSpans') + 1;
    this.#enter(`${names.slice(0, resource + 1).join('/')}`, names.slice(resource + 1).join('/'), key);
    if (key === 'resource') this.#resource = resourceOf(value);
    else if (key === 'scope') this.#scope = scopeOf(value);
    else {
      const span = checkedSpan(this.#object ?? value, this.#resource, this.#scope);
      if (span === undefined) this.#sink.badSpan();
      else this.#sink.span(span);
    }
  }

  #enter(resource: string, scope: string, key: unknown): void {
    const group = key === 'resource' ? '' : scope.split('/').slice(0, 2).join('/');
    const where = `${resource} ${group}`;
    if (!this.#where.startsWith(`${resource} `)) this.#resource = {};
    if (this.#where !== where && key !== 'resource') this.#scope = { name: '', version: '' };
    this.#where = where;
  }
}
