// SPDX-License-Identifier: Apache-2.0
//
// Speculative decoding: guesses that one slice of a batch checks, with a number of accepted tokens for each member.
import { query, type ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, requestsOf, tree } from './tree';

const SHOWN = { attributes: ['rid', 'tokens', 'rows', 'accepted_tokens'] };

async function playSpeculation() {
  const { spans } = await play('speculative-decoding', {
    front: { role: 'front', options: { level: 3 } },
    scheduler: { role: 'scheduler' },
  });
  expectWhole(spans, ['spec-0', 'spec-1', 'spec-2']);
  return spans;
}

const batchesOf = (spans: readonly ReceivedSpan[]) =>
  query(spans)
    .roots()
    .filter(({ name }) => name === 'batch');

describe('speculative decoding', () => {
  it('gives every member its own number of accepted tokens on its own span of the slice', async () => {
    const spans = await playSpeculation();
    const step = (accepted: number) => `
              spec_draft <- batch
              spec_verify accepted_tokens=${accepted} !spec_accept <- batch`;
    const member = (rid: string, accepted: readonly number[]) => {
      const tokens = accepted.reduce((sum, count) => sum + count);
      const events = accepted.map(() => ' !spec_accept').join('');
      return tree(`
        request rid=${rid} tokens=${tokens}
          scheduler
            decode_forward tokens=${tokens}${events}${accepted.map(step).join('')}
      `);
    };
    const expected = { 'spec-0': [3], 'spec-1': [1, 2], 'spec-2': [0, 4] };
    const shown = { attributes: ['rid', 'tokens', 'accepted_tokens'] };
    expect(requestsOf(spans).map((root) => drawTree(spans, root, shown))).toEqual(
      Object.entries(expected).map(([rid, accepted]) => member(rid, accepted)),
    );
  });

  it('shows the sum on neither: the batch has its own event and no column', async () => {
    const spans = await playSpeculation();
    const batches = batchesOf(spans);
    expect(batches.map((batch) => drawTree(spans, batch, SHOWN))).toEqual([
      'batch <- scheduler, scheduler, scheduler\n  spec_draft rows=3\n  spec_verify !spec_accept',
      'batch <- batch, scheduler, scheduler\n  spec_draft rows=2\n  spec_verify !spec_accept',
    ]);
    const accepted = query(spans)
      .byName('spec_verify')
      .filter(({ links }) => links.length === 0)
      .map(({ events }) => events[0]!.attributes['accepted_tokens']);
    expect(accepted.sort()).toEqual([4, 6]);
  });

  it('records the events before the end of the slice, and shows them on the slice of every member', async () => {
    const spans = await playSpeculation();
    const verified = query(spans).byName('spec_verify');
    expect(verified).toHaveLength(2 + 3 + 2);
    for (const { events, startTimeUnixNano, endTimeUnixNano } of verified) {
      expect(events.map(({ name }) => name)).toEqual(['spec_accept']);
      expect(events[0]!.timeUnixNano).toBeGreaterThan(startTimeUnixNano);
      expect(events[0]!.timeUnixNano).toBeLessThanOrEqual(endTimeUnixNano);
    }
    const own = query(spans).byName('decode_forward');
    const counts = own.map(({ events }) => events.map(({ attributes }) => attributes['accepted_tokens']));
    expect(counts.sort()).toEqual([[0, 4], [1, 2], [3]]);
  });

  it('links the second batch to the first, and the slices of members to the batch of their own step', async () => {
    const spans = await playSpeculation();
    const [first, second] = batchesOf(spans) as [ReceivedSpan, ReceivedSpan];
    expect(second.links[0]).toMatchObject({ traceId: first.traceId, spanId: first.spanId });
    const asked = query(spans);
    for (const stay of asked.byName('decode_forward')) {
      const verified = asked.children(stay).filter(({ name }) => name === 'spec_verify');
      expectLink(verified[0]!, first);
      for (const later of verified.slice(1)) expectLink(later, second);
    }
  });
});
