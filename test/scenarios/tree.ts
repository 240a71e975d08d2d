// SPDX-License-Identifier: Apache-2.0
//
// Spans as indented text, which is what the scenarios compare, and the rules that hold for all of them. Pure.
import { query, type ReceivedSpan } from 'gpuspan/testing';
import { expect } from 'vitest';

const ERROR = 2;
const SAMPLED = 1;

/** What a tree shows of its spans. */
export interface Shown {
  /** Attributes, by name. */
  readonly attributes?: readonly string[];
}

/**
 * A span and its descendants, one a line by start time: name, the attributes asked for, `!` and each event, `ERROR` and
 * message, `unfinished`, `<-` and the names of the spans it links to (`?` for one that was not exported).
 */
export function drawTree(spans: readonly ReceivedSpan[], root: ReceivedSpan, shown: Shown = {}): string {
  const asked = query(spans);
  const draw = (span: ReceivedSpan, depth: number): string[] => [
    '  '.repeat(depth) + drawSpan(span, spans, shown),
    ...asked.children(span).flatMap((child) => draw(child, depth + 1)),
  ];
  return draw(root, 0).join('\n');
}

function drawSpan(span: ReceivedSpan, spans: readonly ReceivedSpan[], { attributes = [] }: Shown): string {
  const words = [span.name];
  for (const name of attributes) if (name in span.attributes) words.push(`${name}=${String(span.attributes[name])}`);
  for (const { name } of span.events) words.push(`!${name}`);
  if (span.status.code === ERROR) words.push(`ERROR '${span.status.message}'`);
  if (span.attributes['gpuspan.unfinished'] === true) words.push('unfinished');
  const linked = span.links.map(({ spanId }) => spans.find((other) => other.spanId === spanId)?.name ?? '?');
  if (linked.length > 0) words.push(`<- ${linked.join(', ')}`);
  return words.join(' ');
}

/** `text` without the margin that it has in a test's source. */
export function tree(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const margin = Math.min(...lines.map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(margin).trimEnd()).join('\n');
}

/** The root spans of requests, which have an `rid`, by that. */
export function requestsOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return query(spans)
    .roots()
    .filter(({ attributes }) => attributes['rid'] !== undefined)
    .sort((a, b) => (String(a.attributes['rid']) < String(b.attributes['rid']) ? -1 : 1));
}

/** The one span of this name, in the trace of `within` if given. */
export function one(spans: readonly ReceivedSpan[], name: string, within?: ReceivedSpan): ReceivedSpan {
  const found = spans.filter((span) => span.name === name && (within?.traceId ?? span.traceId) === span.traceId);
  expect(found, `spans named ${name}`).toHaveLength(1);
  return found[0]!;
}

/**
 * Holds for every scenario: one root for each request, of those `rids` alone; no orphan; no id used twice; every link leads to a
 * span that came out; nothing ends before it starts; everything is sampled.
 */
export function expectWhole(spans: readonly ReceivedSpan[], rids: readonly string[]): void {
  const asked = query(spans);
  expect(requestsOf(spans).map(({ attributes }) => attributes['rid'])).toEqual([...rids].sort());
  const others = asked.roots().filter(({ attributes }) => attributes['rid'] === undefined);
  expect(
    others.filter(({ name }) => name !== 'batch').map(({ name }) => name),
    'roots that are no request',
  ).toEqual([]);
  expect(
    asked.orphans().map(({ name }) => name),
    'orphans',
  ).toEqual([]);
  expect(new Set(spans.map(({ spanId }) => spanId)).size, 'ids').toBe(spans.length);
  for (const span of spans) {
    expect(asked.links(span).length, `links of ${span.name} that lead somewhere`).toBe(span.links.length);
    expect(span.endTimeUnixNano >= span.startTimeUnixNano, `${span.name} ends after it starts`).toBe(true);
    expect(span.flags & SAMPLED, `${span.name} is sampled`).toBe(SAMPLED);
  }
}

/** That `span` links to exactly `target`. */
export function expectLink(span: ReceivedSpan, target: ReceivedSpan): void {
  expect(span.links.map(({ traceId, spanId }) => ({ traceId, spanId }))).toEqual([
    { traceId: target.traceId, spanId: target.spanId },
  ]);
}
