// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan convert` on random spans, in any order and however they overlap and coincide: a viewer shows each once, inside
// its ancestors only, however little memory there was to sort them in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertFiles } from '../../dist/cli/convert/convert-files';
import { type Slice, type View, view } from '../perfetto/viewer';
import { drawn } from './converted';
import { BASE, fileOf, type MadeSpan, otlpRequest, spanId, temporaryFolder } from './otlp';

const RUNS = 300;
const PATIENCE_MILLIS = 300_000;

interface Drawn {
  readonly trace: number;
  readonly parent: number;
  readonly start: number;
  readonly length: number;
  readonly kind: 'slice' | 'thread' | 'stream' | 'batch' | 'root';
  readonly number: number;
}

const span = fc.record({
  trace: fc.integer({ min: 1, max: 4 }),
  parent: fc.integer({ min: 0, max: 30 }),
  start: fc.integer({ min: 0, max: 40 }),
  length: fc.integer({ min: 0, max: 15 }),
  kind: fc.constantFrom<Drawn['kind'][]>('slice', 'slice', 'slice', 'thread', 'stream', 'batch', 'root'),
  number: fc.integer({ min: 1, max: 3 }),
});

function made({ trace, parent, start, length, kind, number }: Drawn, index: number): MadeSpan {
  const attributes = {
    slice: {},
    thread: { 'thread.id': number },
    stream: { 'gpu.time.source': 'simulated', 'gpu.stream': number },
    batch: { 'gpuspan.batch.size': number },
    root: { 'gpuspan.request.level': 2 },
  }[kind];
  const id = index + 1;
  return { trace, id, parent, name: `${kind} ${id}`, start, end: start + length, attributes };
}

async function viewOf(spans: readonly MadeSpan[], services: number, sortBytes?: number): Promise<View> {
  const requests = spans.map((one) => otlpRequest([one], `service ${one.id % services}`));
  const out = join(temporaryFolder(), 'out.pftrace');
  await convertFiles([fileOf(requests)], { out, ...(sortBytes !== undefined && { sortBytes }) });
  return view(readFileSync(out));
}

function told({ name, start, end }: Slice): string {
  return `${name} ${start - BASE} ${end - BASE}`;
}

/** Of a slice that lies in another one: whether its span is below that one's. */
function isBelow(slice: Slice, above: Slice, parents: ReadonlyMap<string, string>): boolean {
  const wanted = String(above.args['span_id']![0]);
  let at = String(slice.args['span_id']![0]);
  for (let climbed = 0; climbed < 100 && at !== undefined; climbed++) {
    at = parents.get(at)!;
    if (at === wanted) return true;
  }
  return false;
}

describe('a trace of random spans', () => {
  it(
    'shows each of them once, nested in its ancestors and inside their times',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(span, { minLength: 1, maxLength: 30 }),
          fc.integer({ min: 1, max: 2 }),
          async (drawnSpans, services) => {
            const spans = drawnSpans.map(made);
            const shown = await viewOf(spans, services);
            const expected = spans.map(({ name, start = 0, end = 0 }) => `${name} ${start} ${end}`);
            expect(shown.slices.map(told).sort()).toEqual(expected.sort());
            const parents = new Map(spans.map(({ id, parent }) => [spanId(id), spanId(parent!)]));
            for (const slice of shown.slices) {
              const { parent } = slice;
              if (parent === undefined) continue;
              expect(parent.start <= slice.start && parent.end >= slice.end).toBe(true);
              if (!slice.name.startsWith('stream')) expect(isBelow(slice, parent, parents)).toBe(true);
            }
          },
        ),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MILLIS,
  );

  it(
    'is the same when it had to be sorted in pieces, in files that were merged twice',
    async () => {
      const spans = fc.sample(span, { numRuns: 2000, seed: 5 }).map(made);
      const shown = await viewOf(spans, 2);
      const pieces = await viewOf(spans, 2, 4096);
      expect(drawn(pieces)).toEqual(drawn(shown));
      expect(pieces.slices.map(told)).toEqual(shown.slices.map(told));
      expect(pieces.slices).toHaveLength(2000);
    },
    PATIENCE_MILLIS,
  );
});
