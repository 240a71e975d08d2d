// SPDX-License-Identifier: Apache-2.0
//
// A batch of 256 members with mixed levels and unsampled ones: who gets a span of which slice, and which value on it.
import { type OtlpSpan, query, type ReceivedSpan } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { type Played, play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

const MEMBERS = 256;
const RECORDED = (MEMBERS / 4) * 3;
/** OpenTelemetry's limit. */
const MOST_LINKS = 128;
const level = (member: number) => member % 4;
const rid = (member: number) => `m${String(member).padStart(3, '0')}`;
const SAMPLED = Array.from({ length: MEMBERS }, (_, member) => member).filter((member) => level(member) > 0);

async function playBatch(expandLevel?: 0 | 1 | 3): Promise<Played> {
  const played = await play('batch-of-256', {
    front: { role: 'front' },
    scheduler: { role: 'scheduler', options: expandLevel === undefined ? {} : { expandLevel } },
  });
  expectWhole(played.spans, SAMPLED.map(rid));
  return played;
}

/** The tree of a member, of whose slices those up to `most` have spans. */
function memberTree(member: number, most: number): string {
  const value = `member=${member} <- batch`;
  const lines = [
    `request rid=${rid(member)}`,
    '  scheduler',
    most >= 1 && `    prefill_forward ${value}`,
    most >= 2 && `      pp_forward ${value}`,
    most >= 3 && `      decode_loop ${value}`,
    // Those of the first half had left by then.
    most >= 1 && member >= MEMBERS / 2 && `    decode_forward ${value}`,
  ];
  return lines.filter((line) => line !== false).join('\n');
}

function expectMembers(spans: readonly ReceivedSpan[], expandLevel: number): void {
  const asked = query(spans);
  const drawn = requestsOf(spans).map((root) => {
    const own = [root, ...descendants(root)];
    return drawTree([...own, one(spans, 'batch')], root, { attributes: ['rid', 'member'] });
  });
  expect(drawn).toEqual(SAMPLED.map((member) => memberTree(member, Math.min(level(member), expandLevel))));

  function descendants(span: ReceivedSpan): ReceivedSpan[] {
    return asked.children(span).flatMap((child) => [child, ...descendants(child)]);
  }
}

describe('a batch of 256 with mixed levels and unsampled members', () => {
  it('gives a member spans, with its own column value, of the slices up to its level', async () => {
    const { spans } = await playBatch(3);
    expectMembers(spans, 3);
    const batch = one(spans, 'batch');
    for (const span of spans.filter(({ attributes }) => attributes['member'] !== undefined)) expectLink(span, batch);
  });

  it('gives none of a slice above expandLevel, which is 2 by default, or 0', async () => {
    expectMembers((await playBatch()).spans, 2);
    expectMembers((await playBatch(0)).spans, 0);
  });

  it('has one batch span with every slice once, whatever the levels of its members', async () => {
    const { spans } = await playBatch(1);
    expectMembers(spans, 1);
    const batch = one(spans, 'batch');
    expect(batch).toMatchObject({
      parentSpanId: '',
      attributes: { 'gpuspan.batch.size': RECORDED, forward_mode: 'decode' },
    });
    expect(drawTree(spans, { ...batch, links: [] }, { attributes: ['rows'] })).toBe(
      tree(`
        batch
          prefill_forward rows=256
            pp_forward rows=256
            decode_loop rows=256
          decode_forward
      `),
    );
    // The values are the members' own.
    const inBatch = spans.filter(({ traceId }) => traceId === batch.traceId);
    expect(inBatch.filter(({ attributes }) => 'member' in attributes)).toEqual([]);
  });

  it('links the batch to the stays of its sampled members, up to the limit, and counts the rest', async () => {
    const { spans, exports } = await playBatch(0);
    const batch = one(spans, 'batch');
    const stays = query(spans).links(batch);
    expect(stays).toHaveLength(MOST_LINKS);
    expect(new Set(stays.map(({ spanId }) => spanId)).size).toBe(MOST_LINKS);
    expect(new Set(stays.map(({ name }) => name))).toEqual(new Set(['scheduler']));
    const rids = stays.map(
      ({ traceId }) => requestsOf(spans).find((root) => root.traceId === traceId)!.attributes['rid'],
    );
    expect(rids).toEqual(SAMPLED.slice(0, MOST_LINKS).map(rid));
    const sent = exports
      .flatMap(({ resourceSpans = [] }) => resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans))
      .flatMap((scope) => scope.spans ?? [])
      .find(({ name }) => name === 'batch') as OtlpSpan & { droppedLinksCount?: number };
    expect(sent.droppedLinksCount).toBe(RECORDED - MOST_LINKS);
  });
});
