// SPDX-License-Identifier: Apache-2.0
//
// Requests with and without a traceparent, over two processes.
import { query } from 'gpuspan/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Played, play } from './scenario';
import { drawTree, expectWhole, requestsOf, tree } from './tree';

const INTERNAL = 1;
const SERVER = 2;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const UNSAMPLED_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Of ReceivedSpan.flags: the parent is known to be remote. */
const REMOTE = 0x300;

interface Note {
  readonly id: string;
  readonly level: number;
  readonly front: Record<string, string>;
  readonly worker: Record<string, string>;
}

let played: Played;

beforeAll(async () => {
  played = await play('trace-context', { front: { role: 'front' }, worker: { role: 'worker' } });
});

const root = (rid: string) => requestsOf(played.spans).find(({ attributes }) => attributes['rid'] === rid)!;
const noteOf = (id: string) => (played.notes as readonly Note[]).find((note) => note.id === id)!;

describe('requests with and without traceparent', () => {
  it('are each one root with the slices of both processes, except those that their caller does not sample', () => {
    const rids = ['a-none', 'b-sampled', 'c-same-trace', 'e-malformed'];
    expectWhole(played.spans, rids);
    for (const rid of rids) {
      expect(drawTree(played.spans, root(rid), { attributes: ['rid'] })).toBe(
        tree(`
          request rid=${rid}
            front
              tokenize
            worker
              prefill_forward <- tokenize
        `),
      );
    }
  });

  it('are a SERVER span below their caller, in its trace, with one', () => {
    expect(root('b-sampled')).toMatchObject({
      traceId: TRACE,
      parentSpanId: 'b7ad6b7169203331',
      kind: SERVER,
      traceState: 'vendor=1',
    });
    expect(root('b-sampled').flags & REMOTE).toBe(REMOTE);
    expect(root('c-same-trace')).toMatchObject({ traceId: TRACE, parentSpanId: '00f067aa0ba902b7', kind: SERVER });
  });

  it('are an INTERNAL span without a parent in a trace of its own without one, or with one that is malformed', () => {
    const own = ['a-none', 'e-malformed'].map(root);
    for (const span of own) expect(span).toMatchObject({ parentSpanId: '', kind: INTERNAL });
    expect(new Set([TRACE, ...own.map(({ traceId }) => traceId)]).size).toBe(3);
  });

  it('share a trace without sharing spans or links when their callers do', () => {
    const asked = query(played.spans);
    for (const rid of ['b-sampled', 'c-same-trace']) {
      expect(asked.children(root(rid)).map(({ name }) => name)).toEqual(['front', 'worker']);
    }
    const linked = asked.byName('prefill_forward').map((slice) => asked.links(slice)[0]!.spanId);
    expect(new Set(linked).size).toBe(4);
  });

  it('record nothing in either process when the caller does not sample, and hand its context on from both', () => {
    expect(played.spans.filter(({ traceId }) => traceId === UNSAMPLED_TRACE)).toEqual([]);
    const context = { traceparent: `00-${UNSAMPLED_TRACE}-00f067aa0ba902b7-00`, tracestate: 'vendor=2' };
    expect(noteOf('d-unsampled')).toEqual({ id: 'd-unsampled', level: -1, front: context, worker: context });
  });

  it('send the same headers on from both processes, with the root span as parent, tracestate and baggage', () => {
    const headers = {
      traceparent: `00-${TRACE}-${root('b-sampled').spanId}-01`,
      tracestate: 'vendor=1',
      baggage: 'tenant=a',
    };
    expect(noteOf('b-sampled')).toMatchObject({ level: 2, front: headers, worker: headers });
    const without = { traceparent: `00-${root('a-none').traceId}-${root('a-none').spanId}-01` };
    expect(noteOf('a-none')).toMatchObject({ front: without, worker: without });
  });
});
