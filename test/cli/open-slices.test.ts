// SPDX-License-Identifier: Apache-2.0
//
// Slices of a Perfetto trace that wait for their end, or for the request they belong to: bounded over all tracks.
import type { ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { NestedSpans } from '../../dist/cli/input/nested-spans';
import { EVENT_TYPE } from '../../dist/cli/input/trace-events';
import { TraceSpans } from '../../dist/cli/input/trace-spans';

const LIMIT = 200_000;

describe('slices of a trace', () => {
  it('are refused when too many are open over all tracks, until some end', () => {
    const given: ReceivedSpan[] = [];
    const spans = new TraceSpans((span) => given.push(span));
    const event = (type: number, track: number) =>
      spans.event({ type, track: BigInt(track), time: 1n, name: 'x', category: '', args: {}, flows: [] });
    let open = 0;
    for (let at = 0; at < LIMIT + 100; at++) if (event(EVENT_TYPE.begin, at % 500)) open++;
    expect(open).toBe(LIMIT);
    expect(event(EVENT_TYPE.end, 7)).toBe(true);
    expect(event(EVENT_TYPE.begin, 8)).toBe(true);
    expect(event(EVENT_TYPE.begin, 9)).toBe(false);
    expect(spans.finish()).toBe(LIMIT);
    expect(given).toHaveLength(1);
  });

  it('are given without a trace when too many wait, those on streams too', () => {
    let given = 0;
    const nested = new NestedSpans(() => given++);
    const track = { uuid: 1n, name: 'lane', parent: undefined, pid: undefined, open: [] };
    const slice = (args: Record<string, string>) => ({
      name: 'x',
      category: '',
      start: 1n,
      end: 1n,
      args,
      flows: [],
      events: [],
    });
    for (let at = 0; at < LIMIT; at++) nested.add(slice({ 'gpu.time.source': 'host' }), 1n, track);
    expect(given).toBe(0);
    nested.add(slice({}), 1n, track);
    expect(given).toBe(LIMIT + 1);
    nested.add(slice({}), 1n, track);
    nested.finish();
    expect(given).toBe(LIMIT + 2);
  });
});
