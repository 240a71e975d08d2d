// SPDX-License-Identifier: Apache-2.0
//
// Slices of a Perfetto trace that wait for their end, or for the request they belong to: bounded over all tracks.
import type { ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it, vi } from 'vitest';
import { NestedSpans } from '../../dist/cli/input/nested-spans';
import { LEFT_OUT, OpenSlices } from '../../dist/cli/input/open-slices';
import { EVENT_TYPE } from '../../dist/cli/input/trace-events';
import { TraceSpans } from '../../dist/cli/input/trace-spans';

const LIMIT = 200_000;

describe('slices of a trace', () => {
  it('are refused when too many are open over all tracks, until some end', () => {
    const given: ReceivedSpan[] = [];
    const [badSpan, leftOut, beyondTracks] = [vi.fn(), vi.fn(), vi.fn()];
    const spans = new TraceSpans({ span: (span) => given.push(span), badSpan, leftOut, beyondTracks });
    const event = (type: number, track: number) =>
      spans.event({ type, track: BigInt(track), time: 1n, name: 'x', category: '', args: {}, flows: [] });
    for (let at = 0; at < LIMIT + 100; at++) event(EVENT_TYPE.begin, at % 500);
    expect(leftOut).toHaveBeenCalledTimes(100);
    event(EVENT_TYPE.end, 307);
    event(EVENT_TYPE.begin, 308);
    expect(leftOut).toHaveBeenCalledTimes(100);
    event(EVENT_TYPE.begin, 309);
    expect(leftOut).toHaveBeenCalledTimes(101);
    expect(spans.finish()).toBe(LIMIT);
    expect(given).toHaveLength(1);
    expect(badSpan).not.toHaveBeenCalled();
  });

  it('take their ends along when they are refused, and what begins inside them', () => {
    const open = new OpenSlices<string, number>();
    const DEEPEST = 10_000;
    for (let at = 0; at < DEEPEST; at++) expect(open.begin('one', at)).toBe(true);
    expect(open.begin('one', -1)).toBe(false);
    expect(open.top('one')).toBeUndefined();
    expect(open.begin('one', -2)).toBe(false);
    expect(open.begin('two', 7)).toBe(true);
    expect([open.end('one'), open.end('one'), open.end('one')]).toEqual([LEFT_OUT, LEFT_OUT, DEEPEST - 1]);
    expect([open.end('two'), open.end('two')]).toEqual([7, undefined]);
    expect(open.count).toBe(DEEPEST - 1);
    expect([...open.rest()]).toHaveLength(DEEPEST - 1);
  });

  it('take their ends along when they cannot be used, and nothing that begins inside them', () => {
    const open = new OpenSlices<string, number>();
    open.begin('one', 1);
    open.leaveOut('one');
    expect(open.top('one')).toBeUndefined();
    expect(open.begin('one', 3)).toBe(true);
    expect([...open.rest()]).toEqual([
      ['one', 1],
      ['one', 3],
    ]);
    expect([open.end('one'), open.end('one'), open.end('one')]).toEqual([3, LEFT_OUT, 1]);
    expect([open.end('one'), open.count]).toEqual([undefined, 0]);
  });

  it('are given without a trace when too many wait, those on streams too', () => {
    let given = 0;
    const nested = new NestedSpans(() => given++);
    const track = { uuid: 1n, name: 'lane', parent: undefined, pid: undefined };
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
