// SPDX-License-Identifier: Apache-2.0
//
// Four-way parallel sampling: n children of one request.
import { query } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

const SHOWN = { attributes: ['child', 'decode_ct', 'output_tokens'] };

function playSampling() {
  return play('parallel-sampling', {
    front: { role: 'front', options: { level: 3 } },
    scheduler: { role: 'scheduler', options: { expandLevel: 3 } },
  });
}

describe('four-way parallel sampling', () => {
  it('gives each of the four children of one request exactly one stay with slices of its own', async () => {
    const { spans } = await playSampling();
    expectWhole(spans, ['n-4']);
    const child = (n: number) => `
          scheduler child=${n}
            prefill_forward child=${n} <- api_server_dispatch
            decode_forward output_tokens=${n + 1} <- prefill_forward
              decode_loop decode_ct=${10 + n} <- batch`;
    const detokenize = (n: number, before: string) => `
            detokenize child=${n} <- ${before}`;
    const back = [3, 2, 1, 0].map((n) => detokenize(n, n === 3 ? 'api_server_dispatch' : 'detokenize'));
    expect(drawTree(spans, requestsOf(spans)[0]!, SHOWN)).toBe(
      tree(`
        request
          front
            tokenize
            api_server_dispatch <- tokenize${back.join('')}${[0, 1, 2, 3].map(child).join('')}
      `),
    );
  });

  it('links every child to the one dispatch, and within a child to its own slices alone', async () => {
    const { spans } = await playSampling();
    const dispatch = one(spans, 'api_server_dispatch');
    const asked = query(spans);
    const stays = asked.byName('scheduler');
    expect(stays).toHaveLength(4);
    for (const stay of stays) {
      const [prefill, forward] = asked.children(stay);
      expectLink(prefill!, dispatch);
      expectLink(forward!, prefill!);
    }
  });

  it('decodes the children in one batch that links to the four stays', async () => {
    const { spans } = await playSampling();
    const batch = one(spans, 'batch');
    expect(batch.attributes).toMatchObject({ 'gpuspan.batch.size': 4 });
    expect(drawTree(spans, batch)).toBe('batch <- scheduler, scheduler, scheduler, scheduler\n  decode_loop');
    expect(new Set(batch.links.map(({ spanId }) => spanId)).size).toBe(4);
  });
});
