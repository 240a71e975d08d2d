// SPDX-License-Identifier: Apache-2.0
//
// What a request waited for: made-up trees whose answer is plain, and the rules that hold for all of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalPath, NO_SLICE, type PathSpan, pathByName } from '../../dist/cli/model/critical-path';

function span(id: string, parent: string, start: number, end: number, more: Partial<PathSpan> = {}): PathSpan {
  const kind = parent === '' ? 'request' : 'slice';
  return { spanId: id, parentSpanId: parent, name: id, kind, gpu: false, start, end, ...more };
}

function told(root: PathSpan, spans: readonly PathSpan[]): string {
  return criticalPath(root, spans)
    .map((part) => `${part.span.name} ${part.start}-${part.end}`)
    .join(', ');
}

describe('the critical path', () => {
  it('goes to the child that ended last, and to the request where it had none', () => {
    const root = span('root', '', 0, 100);
    const spans = [root, span('a', 'root', 10, 40), span('b', 'root', 20, 90), span('c', 'b', 30, 50)];
    expect(told(root, spans)).toBe('root 0-10, a 10-20, b 20-30, c 30-50, b 50-90, root 90-100');
  });

  it('looks at the slices of all workers together', () => {
    const root = span('root', '', 0, 100);
    const worker = (id: string, start: number, end: number) => span(id, 'root', start, end, { kind: 'worker' });
    const spans = [
      root,
      worker('front', 0, 100),
      worker('gpu', 20, 90),
      span('parse', 'front', 0, 20),
      span('decode', 'gpu', 20, 88),
    ];
    expect(told(root, spans)).toBe('parse 0-20, decode 20-88, root 88-100');
  });

  it('says how much of each step the GPU worked for the request', () => {
    const root = span('root', '', 0, 100);
    const gpu = (id: string, start: number, end: number) => span(id, 'launch', start, end, { gpu: true });
    const spans = [
      root,
      span('launch', 'root', 0, 10),
      span('wait', 'root', 10, 80),
      gpu('k1', 5, 30),
      gpu('k2', 20, 50),
    ];
    const steps = pathByName(criticalPath(root, spans), spans);
    expect(steps).toEqual([
      { name: 'wait', nanos: 70, gpuNanos: 40, share: 0.7 },
      { name: NO_SLICE, nanos: 20, gpuNanos: 0, share: 0.2 },
      { name: 'launch', nanos: 10, gpuNanos: 5, share: 0.1 },
    ]);
  });

  it('ends when spans name each other as parents, or themselves', () => {
    const root = span('root', '', 0, 100);
    const spans = [
      root,
      span('root', 'root', 0, 50),
      span('x', 'x', 0, 10),
      span('y', 'root', 50, 60),
      span('root', 'y', 51, 59),
    ];
    expect(criticalPath(root, spans).reduce((sum, part) => sum + part.end - part.start, 0)).toBe(100);
  });

  it('covers the request exactly, without overlap, whatever the spans are', () => {
    const made = fc.record({
      parent: fc.nat(12),
      start: fc.integer({ min: -20, max: 120 }),
      length: fc.nat(80),
      gpu: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(made, { maxLength: 40 }), (list) => {
        const root = span('s0', '', 0, 100);
        const spans = list.map(({ parent, start, length, gpu }, i) =>
          span(`s${i + 1}`, `s${parent}`, start, start + length, { gpu }),
        );
        const parts = criticalPath(root, [root, ...spans]);
        const edges = [0, ...parts.map(({ end }) => end)];
        expect(parts.map(({ start }) => start)).toEqual(edges.slice(0, -1));
        expect(edges.at(-1)).toBe(100);
        for (const part of parts.filter((each) => each.span !== root)) {
          expect(part.start).toBeGreaterThanOrEqual(part.span.start);
          expect(part.end).toBeLessThanOrEqual(part.span.end);
        }
      }),
    );
  });
});
