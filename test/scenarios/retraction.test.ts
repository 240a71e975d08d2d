// SPDX-License-Identifier: Apache-2.0
//
// A request that is retracted, waits, is computed again, and waits a second time.
import { query, type ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

/** One stamp, converted at two times: within 1 us of the truth each (docs/design/spans.md). */
const CONVERSION_NANOS = 2_000;

function playRetraction() {
  return play('retraction', { front: { role: 'front' }, scheduler: { role: 'scheduler' } });
}

describe('a retracted request that waits twice', () => {
  it('has two waits and three passes side by side, each linked to the one before', async () => {
    const { spans } = await playRetraction();
    expectWhole(spans, ['retracted']);
    expect(drawTree(spans, requestsOf(spans)[0]!, { attributes: ['retractions', 'prefix', 'output_tokens'] })).toBe(
      tree(`
        request retractions=2
          front
            api_server_dispatch
          scheduler
            prefill_waiting <- api_server_dispatch
            prefill_forward prefix=0 <- prefill_waiting
            decode_forward output_tokens=3 !retract <- prefill_forward
            retract_wait <- decode_forward
            prefill_forward prefix=3 <- retract_wait
            decode_forward output_tokens=6 !retract <- prefill_forward
            retract_wait <- decode_forward
            prefill_forward prefix=6 <- retract_wait
            decode_forward output_tokens=9 <- prefill_forward
      `),
    );
  });

  it('has no gap between the slices, and each links to the very one before it', async () => {
    const { spans } = await playRetraction();
    const slices = query(spans).children(one(spans, 'scheduler'));
    for (const [index, slice] of slices.slice(1).entries()) {
      const before = slices[index] as ReceivedSpan;
      const gap = Number(slice.startTimeUnixNano - before.endTimeUnixNano);
      expect(Math.abs(gap), `from ${before.name} to ${slice.name}`).toBeLessThanOrEqual(CONVERSION_NANOS);
      expectLink(slice, before);
    }
  });

  it('puts each retraction as an event into the pass that it ended', async () => {
    const { spans } = await playRetraction();
    const passes = query(spans)
      .children(one(spans, 'scheduler'))
      .filter(({ name }) => name === 'decode_forward');
    expect(passes.map(({ events }) => events.map(({ name, attributes }) => [name, attributes['kept']]))).toEqual([
      [['retract', 3]],
      [['retract', 6]],
      [],
    ]);
    for (const { events, startTimeUnixNano, endTimeUnixNano } of passes) {
      for (const { timeUnixNano } of events) {
        expect(timeUnixNano).toBeGreaterThanOrEqual(startTimeUnixNano);
        expect(timeUnixNano).toBeLessThanOrEqual(endTimeUnixNano);
      }
    }
  });
});
