// SPDX-License-Identifier: Apache-2.0
//
// Prefill/decode disaggregation over two processes.
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

describe('prefill/decode disaggregation over two processes', () => {
  it('links the decode worker to the dispatch that is still open there, not to what is open within it', async () => {
    const options = { level: 3 } as const;
    const { spans } = await play('disaggregation', {
      prefill: { role: 'prefill', options },
      decode: { role: 'decode', options: { level: 1 } },
    });
    expectWhole(spans, ['pd-1']);
    const [root] = requestsOf(spans);
    expect(drawTree(spans, root!, { attributes: ['bootstrap_room', 'tokens', 'decode_ct'] })).toBe(
      tree(`
        request bootstrap_room=1f
          prefill
            tokenize tokens=40
            prefill_forward <- tokenize
              chunked_prefill tokens=32
              chunked_prefill tokens=8
            api_server_dispatch <- prefill_forward
              prefill_transfer_kv_cache
          decode bootstrap_room=1f
            decode_prepare <- api_server_dispatch
            decode_transferred <- decode_prepare
            decode_waiting <- decode_transferred
            decode_forward !first_token <- decode_waiting
              decode_loop decode_ct=0
              decode_loop decode_ct=1
      `),
    );
    expect(root!.attributes).toMatchObject({ 'gpuspan.request.level': 3, 'gen_ai.usage.output_tokens': 2 });
    // The level came with the request: the decode worker's own is 1.
    expect(one(spans, 'decode').attributes['gpuspan.request.level']).toBe(3);
  });

  it('shows the dispatch as open until the other side has taken the request', async () => {
    const { spans } = await play('disaggregation', { prefill: { role: 'prefill' }, decode: { role: 'decode' } });
    expectWhole(spans, ['pd-1']);
    const [dispatch, prepare] = [one(spans, 'api_server_dispatch'), one(spans, 'decode_prepare')];
    expectLink(prepare, dispatch);
    expect(dispatch.startTimeUnixNano).toBeLessThan(prepare.startTimeUnixNano);
    expect(dispatch.endTimeUnixNano).toBeGreaterThan(prepare.endTimeUnixNano);
    expect([dispatch, prepare].map(({ resource }) => resource['service.name'])).toEqual(['prefill', 'decode']);
    expect(spans.map(({ name }) => name)).not.toContain('decode_loop');
  });

  it('links to the dispatch as well when that is over and the worker has left', async () => {
    const { spans } = await play('disaggregation', {
      prefill: { role: 'prefillThenDispatch' },
      decode: { role: 'decodeAtOnce' },
    });
    expectWhole(spans, ['pd-2']);
    expect(drawTree(spans, requestsOf(spans)[0]!)).toBe(
      tree(`
        request
          prefillThenDispatch
            prefill_forward
            api_server_dispatch <- prefill_forward
          decodeAtOnce
            decode_forward <- api_server_dispatch
      `),
    );
  });
});
