// SPDX-License-Identifier: Apache-2.0
//
// Queries over received spans, and files of OTLP JSON.
import { OtlpJsonFile, query, readOtlpJsonFile, type ReceivedSpan, spansOf, type OtlpRequest } from 'gpuspan/testing';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const OTHER_TRACE = '1af7651916cd43dd8448eb211c80319c';
const REMOTE_PARENT = 0x300;

function span(spanId: string, parentSpanId: string, start: number, more: Partial<ReceivedSpan> = {}): ReceivedSpan {
  return {
    traceId: TRACE,
    spanId,
    parentSpanId,
    traceState: '',
    name: `span ${spanId}`,
    kind: 1,
    startTimeUnixNano: BigInt(start),
    endTimeUnixNano: BigInt(start + 1),
    attributes: {},
    links: [],
    events: [],
    status: { code: 0, message: '' },
    resource: {},
    scope: { name: 'gpuspan', version: '' },
    flags: 1,
    ...more,
  };
}

describe('a query', () => {
  const root = span('a', '', 1);
  const late = span('b', 'a', 5);
  const early = span('c', 'a', 2, { links: [{ traceId: TRACE, spanId: 'b', attributes: {} }] });
  const nested = span('d', 'c', 3);
  const spans = [nested, late, early, root];

  it('lists roots and children by start time', () => {
    const second = span('e', '', 0);
    const asked = query([...spans, second]);
    expect(asked.roots()).toEqual([second, root]);
    expect(asked.children(root)).toEqual([early, late]);
    expect(asked.children(late)).toEqual([]);
  });

  it('shows a tree as indented names', () => {
    expect(query(spans).tree(root)).toBe('span a\n  span c\n    span d\n  span b');
  });

  it('calls a span whose local parent is missing an orphan, and one with a remote parent a root', () => {
    const orphan = span('f', '99', 1);
    const served = span('g', '98', 2, { flags: 1 | REMOTE_PARENT });
    const asked = query([orphan, served]);
    expect(asked.orphans()).toEqual([orphan]);
    expect(asked.roots()).toEqual([served]);
  });

  it('takes a remote parent that was received for the parent', () => {
    const served = span('g', 'a', 2, { flags: 1 | REMOTE_PARENT });
    const asked = query([root, served]);
    expect(asked.roots()).toEqual([root]);
    expect(asked.children(root)).toEqual([served]);
  });

  it('does not mix up equal span ids of two traces', () => {
    const other = span('h', 'a', 2, { traceId: OTHER_TRACE });
    expect(query([root, other]).children(root)).toEqual([]);
    expect(query([root, other]).orphans()).toEqual([other]);
  });

  it('follows links to received spans and finds spans by name', () => {
    const asked = query(spans);
    expect(asked.links(early)).toEqual([late]);
    expect(asked.links(late)).toEqual([]);
    expect(asked.byName('span d')).toEqual([nested]);
  });
});

describe('a file of OTLP JSON', () => {
  it('holds one request a line and gives the same spans back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gpuspan-'));
    const path = join(folder, 'spans.jsonl');
    const request = (name: string): OtlpRequest => ({
      resourceSpans: [
        { scopeSpans: [{ spans: [{ traceId: TRACE, spanId: 'b7ad6b7169203331', name, startTimeUnixNano: '17' }] }] },
      ],
    });
    const file = new OtlpJsonFile(path);
    file.write(request('one'));
    file.write(request('two\n'));
    file.close();
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
    const names = readOtlpJsonFile(path)
      .flatMap(spansOf)
      .map(({ name }) => name);
    expect(names).toEqual(['one', 'two\n']);
    expect(() => file.write(request('three'))).toThrow('is closed');
    rmSync(folder, { recursive: true });
  });
});
