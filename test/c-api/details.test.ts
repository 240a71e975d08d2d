// SPDX-License-Identifier: Apache-2.0
//
// What C code records besides slices, through an addon of its own: the spans that come out, beside those of JavaScript
// doing the same.
import type { HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { defineEvents, defineStages, type Request } from 'gpuspan';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, parentOf, startExported } from '../api/exported';
import { type Details, loadDetails } from './details';

const { tracer, spans, clear } = startExported();
const stages = defineStages('details', { load: { level: 1 }, part: { level: 2 }, fine: { level: 3 } });
const events = defineEvents('details', { chunk: { level: 1 }, fine_chunk: { level: 3 } });
let details: Details;

beforeAll(() => {
  details = loadDetails();
}, 300_000);
beforeEach(clear);
afterAll(() => tracer.shutdown());

const LONG = 'é'.repeat(300);
const ALL = { bytes: 2n ** 63n - 1n, ratio: 0.5, last: false, peer: 'decode-3' };
const BOTH = { bytes: -5, peer: 'de\0co' };

function recordParts(request: Request, outer: number, time: bigint) {
  const first = request.begin(stages.part, outer);
  const second = request.begin(stages.part, outer);
  request.event(events.chunk, BOTH);
  request.event(events.chunk, { bytes: -5 }, { slice: outer, time });
  request.event(events.chunk, undefined, { slice: first });
  request.fail(second, 'the peer is gone');
  request.end(first);
  request.end(second, BOTH);
  request.end(request.begin(stages.part, 0));
}

/** What `everything` of details.c does. Attributes of an open slice come with its end here. */
function recordEverything(request: Request, start: bigint, end: bigint) {
  request.event(events.chunk);
  let outer = request.begin(stages.load);
  recordParts(request, outer, start);
  request.record(stages.part, start, end, ALL);
  request.event(events.chunk, { long: LONG });
  request.end(outer, { bytes: 4096, last: true, peer: 'prefill-1', long: 'cut' });
  outer = request.begin(stages.load);
  request.end(outer, { ...ALL, long: LONG });
  request.end(request.begin(stages.fine));
  request.event(events.fine_chunk, ALL);
  request.record(stages.fine, 1n, 2n);
  request.setAttributes(ALL);
  request.setWorkerAttributes(BOTH);
}

const isBefore = (a: HrTime, b: HrTime) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** Everything that does not differ from run to run. Ids become the place of their span in the order of export. */
function describeSpans(all: readonly ReadableSpan[]) {
  const place = new Map(all.map((span, index) => [idOf(span), index]));
  return all.map((span) => ({
    name: span.name,
    parent: place.get(parentOf(span) ?? ''),
    links: span.links.map(({ context, attributes }) => [place.get(context.spanId), attributes]),
    attributes: span.attributes,
    events: span.events.map(({ name, attributes, time }) => [name, attributes, isBefore(time, span.startTime)]),
    status: span.status,
    dropped: span.droppedAttributesCount,
  }));
}

/** The spans of one request that `body` records on. */
async function spansOf(body: (request: Request, start: bigint, end: bigint) => void) {
  await clear();
  const now = tracer.now();
  const request = tracer.request({ id: 'the-same' });
  body(request, now, now + 1_000n);
  request.finish();
  return [...(await spans())];
}

/** What `body` adds to a loss that is counted. */
function growth(count: () => number | undefined, body: () => void): number {
  const before = count() ?? 0;
  body();
  return (count() ?? 0) - before;
}
const lost = (reason: string) => () => tracer.stats().lost[reason];

describe('native code on the JavaScript thread', () => {
  it('records strings, events, failures, explicit parents and retroactive slices exactly as JavaScript does', async () => {
    const ours = describeSpans(await spansOf(recordEverything));
    const theirs = describeSpans(await spansOf(({ handle }, start, end) => details.everything(handle, start, end)));
    expect(theirs).toEqual(ours);
    expect(ours.filter(({ name }) => name === 'part')).toHaveLength(4);
    expect(ours.flatMap(({ events }) => events).filter(([, , early]) => early)).toHaveLength(1);
    expect(ours.filter(({ status }) => status.message === 'the peer is gone')).toHaveLength(1);
    expect(ours.some(({ attributes }) => attributes['gpuspan.truncated'] === true)).toBe(true);
    expect(ours.find(({ name }) => name === 'Worker')?.attributes).toMatchObject(BOTH);
  });

  it('drops and flags arguments that make no sense, and keeps the slices', async () => {
    const all = await spansOf(({ handle }) => details.nonsense(handle));
    const [noString, odd, long, many] = all.filter(({ name }) => name === 'load');
    const dropped = { 'gpuspan.dropped_attributes': true };
    expect(noString?.attributes).toMatchObject(dropped);
    expect(noString?.attributes).not.toHaveProperty('peer');
    expect(odd?.attributes).toMatchObject(dropped);
    expect(odd?.attributes).not.toHaveProperty('bytes');
    expect(long?.attributes).toMatchObject({ peer: 'é'.repeat(127), 'gpuspan.truncated': true });
    expect(many?.attributes).toMatchObject(dropped);
    expect(many?.status).toEqual({ code: 2 });
    const [event] = all.find(({ name }) => name === 'Worker')?.events ?? [];
    expect(event).toMatchObject({ name: 'chunk', attributes: dropped });
  });

  it('counts a retroactive slice that ends before it starts, and times that are none', async () => {
    const all = await spansOf((request) => {
      expect(growth(lost('time'), () => details.record(request.handle, 2n, 1n))).toBe(1);
      expect(growth(lost('invalid'), () => details.record(request.handle, 2n ** 63n, 2n ** 64n - 1n))).toBe(2);
    });
    expect(all.map(({ name }) => name)).toEqual(['Worker', 'request']);
  });

  it('touches nothing with a request and a token that are stale or made up', async () => {
    const all = await spansOf((request) => {
      const open = request.begin(stages.load);
      const useMadeUp = () => {
        for (const made of [0x1003n, 2n ** 64n - 1n]) expect(details.recordOn(made, 0x7fff_fff0)).toBe(0);
      };
      expect(growth(lost('stale'), useMadeUp)).toBeGreaterThanOrEqual(10);
      expect(growth(() => tracer.stats().lostOwners['stale'], useMadeUp)).toBe(4);
      request.end(open);
    });
    expect(all.map(({ name }) => name)).toEqual(['load', 'Worker', 'request']);
  });

  it('records nothing with request 0 and token 0', async () => {
    const before = tracer.stats();
    expect(details.recordOn(0n, 0)).toBe(0);
    const after = tracer.stats();
    expect([after.lost, after.lostOwners]).toEqual([before.lost, before.lostOwners]);
  });
});

describe('with the shorter table of an older gpuspan', () => {
  it('records slices and leaves out what the table lacks', async () => {
    expect(details.useOlderApi(tracer.apiAddress, details.minSize() - 8)).toBe(0);
    expect(details.useOlderApi(tracer.apiAddress, details.minSize())).toBe(1);
    try {
      const all = await spansOf(({ handle }, start, end) => details.everything(handle, start, end));
      const named = (name: string) => all.filter((span) => span.name === name);
      expect(named('load').map(({ attributes }) => [attributes['bytes'], attributes['peer']])).toEqual([
        [4096, undefined],
        [undefined, undefined],
      ]);
      expect(named('part')).toHaveLength(3);
      expect(all.flatMap(({ events }) => events)).toEqual([]);
    } finally {
      expect(details.useApi(tracer.apiAddress)).toBe(1);
    }
  });

  it('takes the functions up to where the table ends', async () => {
    expect(details.useOlderApi(tracer.apiAddress, details.minSize() + 8)).toBe(1);
    try {
      const all = await spansOf(({ handle }, start, end) => details.everything(handle, start, end));
      expect(all.filter(({ name }) => name === 'load').map(({ attributes }) => attributes['peer'])).toEqual([
        'prefill-1',
        'decode-3',
      ]);
    } finally {
      details.useApi(tracer.apiAddress);
    }
  });
});
