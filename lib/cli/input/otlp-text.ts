// SPDX-License-Identifier: Apache-2.0
//
// The three shapes of OTLP JSON files: a request a line (the Collector's file exporter), one object, one array, the
// latter two on one line or many. Bounded memory: lines that are too long to be parsed at once are streamed. A line
// that is not JSON is counted and told, and the spans before its fault are used. Called by the file reader.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { parseJson } from './json-value';
import { checkedSpan, fieldsOf, resourceOf, scopeOf } from './otlp-span';
import { OtlpDocument, type SpanSink } from './otlp-document';

/** A longer line is streamed, which is a little slower and needs no more memory. */
const WHOLE_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface TextSink extends SpanSink {
  /** Line `number`, from 1, is not JSON. */
  readonly badLine: (number: number, problem: string) => void;
  /** The file ends inside an object or array. */
  readonly truncated: () => void;
}

export class OtlpText {
  readonly #sink: TextSink;
  #line = 1;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The first line, when it is not JSON by itself: the next one tells whether the file is one text of many lines. */
  #held: Buffer | undefined;
  #decided = false;
  #document: OtlpDocument | undefined;
  #skipping = false;
  /** What `sink.span` threw: no fault of the text's. */
  #sinkError: unknown;

  constructor(sink: TextSink) {
    this.#sink = { ...sink, span: (span) => this.#hand(span, sink) };
  }

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline === -1 ? chunk.length : newline + 1;
      this.#piece(chunk.subarray(at, end), newline !== -1);
      at = end;
    }
  }

  end(): void {
    const rest = this.#joined();
    if (!isBlank(rest)) this.#whole(rest, true);
    if (this.#held !== undefined) this.#salvage(this.#held, 1, true);
    if (this.#document !== undefined && this.#document.depth > 0) this.#sink.truncated();
  }

  #piece(piece: Buffer, complete: boolean): void {
    if (this.#document !== undefined) this.#stream([piece], complete);
    else if (!this.#skipping) this.#collect(piece, complete);
    if (!complete) return;
    this.#skipping = false;
    this.#line++;
  }

  #collect(piece: Buffer, complete: boolean): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
    if (complete) {
      const line = this.#joined();
      if (!isBlank(line)) this.#whole(line, false);
    } else if (this.#pendingBytes > WHOLE_LINE_BYTES) {
      this.#startStream([this.#joined()], false);
    }
  }

  #joined(): Buffer {
    const line = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return line;
  }

  #whole(line: Buffer, last: boolean): void {
    const parsed = parse(line);
    if (parsed !== undefined) {
      if (this.#held !== undefined) this.#salvage(this.#held, 1, false);
      this.#held = undefined;
      this.#decided = true;
      takeRequest(parsed.value, this.#sink);
    } else if (this.#decided) this.#salvage(line, this.#line, last);
    else if (this.#held === undefined) this.#held = line;
    else this.#startStream([line], true);
  }

  #startStream(pieces: readonly Buffer[], complete: boolean): void {
    const held = this.#held === undefined ? [] : [this.#held];
    this.#held = undefined;
    this.#decided = true;
    this.#document = new OtlpDocument(this.#sink);
    this.#stream([...held, ...pieces], complete);
  }

  #stream(pieces: readonly Buffer[], complete: boolean): void {
    try {
      for (const piece of pieces) this.#document!.write(piece);
      if (complete && this.#document!.depth === 0) this.#document = undefined;
    } catch (error) {
      this.#rethrowSinkError(error);
      this.#sink.badLine(this.#line, messageOf(error));
      this.#document = undefined;
      this.#skipping = !complete;
    }
  }

  // What a line holds up to its fault: a writer that was killed leaves half a line.
  #salvage(line: Buffer, number: number, last: boolean): void {
    const document = new OtlpDocument(this.#sink);
    try {
      document.write(line);
    } catch (error) {
      this.#rethrowSinkError(error);
      this.#sink.badLine(number, messageOf(error));
      return;
    }
    if (document.depth === 0) return;
    if (last) this.#sink.truncated();
    else this.#sink.badLine(number, 'it ends too soon');
  }

  #hand(span: ReceivedSpan, sink: TextSink): void {
    try {
      sink.span(span);
    } catch (error) {
      this.#sinkError = error;
      throw error;
    }
  }

  // A full disk is no bad line.
  #rethrowSinkError(error: unknown): void {
    if (error === this.#sinkError) throw error;
  }
}

function isBlank(line: Buffer): boolean {
  return line.length < 1024 && line.toString('latin1').trim() === '';
}

function parse(line: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: parseJson(line.toString()) };
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** One export request, or an array of them. Anything else has no spans: files may hold logs and metrics too. */
function takeRequest(parsed: unknown, sink: SpanSink): void {
  for (const request of Array.isArray(parsed) ? parsed : [parsed]) {
    for (const group of listOf(fieldsOf(request)?.['resourceSpans'])) {
      const resource = resourceOf(fieldsOf(group)?.['resource']);
      for (const scopeSpans of listOf(fieldsOf(group)?.['scopeSpans'])) {
        const scope = scopeOf(fieldsOf(scopeSpans)?.['scope']);
        for (const raw of listOf(fieldsOf(scopeSpans)?.['spans'])) {
          const span = checkedSpan(raw, resource, scope);
          if (span === undefined) sink.badSpan();
          else sink.span(span);
        }
      }
    }
  }
}
