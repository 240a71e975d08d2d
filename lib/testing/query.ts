// SPDX-License-Identifier: Apache-2.0
//
// Questions that tests ask of received spans. A query is a picture of the spans it was made from; make a
// new one when more have arrived.
import type { ReceivedSpan } from './otlp-json';

/** Bits of ReceivedSpan.flags that together say that the parent lives in another process. */
const PARENT_IS_REMOTE = 0x300;

export interface SpanQuery {
  /** Spans without a parent, and spans whose parent is remote and was not received; by start time. */
  roots(): ReceivedSpan[];
  /** By start time. */
  children(span: ReceivedSpan): ReceivedSpan[];
  /** In order of arrival. */
  byName(name: string): ReceivedSpan[];
  /** Spans whose parent is local and was not received. */
  orphans(): ReceivedSpan[];
  /** The received spans that `span` links to. */
  links(span: ReceivedSpan): ReceivedSpan[];
  /** Names of `span` and its descendants, one a line, indented by two spaces a generation, by start time. */
  tree(span: ReceivedSpan): string;
}

export function query(spans: Iterable<ReceivedSpan>): SpanQuery {
  return new SpanIndex([...spans]);
}

class SpanIndex implements SpanQuery {
  readonly #spans: readonly ReceivedSpan[];
  readonly #byId = new Map<string, ReceivedSpan>();
  readonly #children = new Map<string, ReceivedSpan[]>();

  constructor(spans: readonly ReceivedSpan[]) {
    this.#spans = spans;
    for (const span of spans) this.#byId.set(key(span.traceId, span.spanId), span);
    for (const span of [...spans].sort(byStart)) {
      const parent = key(span.traceId, span.parentSpanId);
      const siblings = this.#children.get(parent);
      if (siblings === undefined) this.#children.set(parent, [span]);
      else siblings.push(span);
    }
  }

  roots(): ReceivedSpan[] {
    return this.#spans.filter((span) => !this.#hasParent(span) && !this.#isOrphan(span)).sort(byStart);
  }

  children(span: ReceivedSpan): ReceivedSpan[] {
    return [...(this.#children.get(key(span.traceId, span.spanId)) ?? [])];
  }

  byName(name: string): ReceivedSpan[] {
    return this.#spans.filter((span) => span.name === name);
  }

  orphans(): ReceivedSpan[] {
    return this.#spans.filter((span) => this.#isOrphan(span));
  }

  links(span: ReceivedSpan): ReceivedSpan[] {
    return span.links
      .map(({ traceId, spanId }) => this.#byId.get(key(traceId, spanId)))
      .filter((linked) => linked !== undefined);
  }

  tree(span: ReceivedSpan): string {
    const lines: string[] = [];
    const left: { readonly span: ReceivedSpan; readonly depth: number }[] = [{ span, depth: 0 }];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { depth } = next;
      lines.push('  '.repeat(depth) + next.span.name);
      for (const child of this.children(next.span).reverse()) left.push({ span: child, depth: depth + 1 });
    }
    return lines.join('\n');
  }

  #hasParent({ traceId, parentSpanId }: ReceivedSpan): boolean {
    return parentSpanId !== '' && this.#byId.has(key(traceId, parentSpanId));
  }

  #isOrphan(span: ReceivedSpan): boolean {
    const remote = (span.flags & PARENT_IS_REMOTE) === PARENT_IS_REMOTE;
    return span.parentSpanId !== '' && !remote && !this.#hasParent(span);
  }
}

function key(traceId: string, spanId: string): string {
  return `${traceId}/${spanId}`;
}

function byStart(a: ReceivedSpan, b: ReceivedSpan): number {
  return a.startTimeUnixNano < b.startTimeUnixNano ? -1 : a.startTimeUnixNano > b.startTimeUnixNano ? 1 : 0;
}
