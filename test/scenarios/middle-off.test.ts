// SPDX-License-Identifier: Apache-2.0
//
// A request through three processes of which the middle one has gpuspan off. That one loses nothing and changes nothing.
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

const WAYS = {
  'a carrier that it adopts': 'controllerOfCarriers',
  'the header of a call': 'controllerOfHeaders',
  'a message that it does not look into': 'controllerWithoutCalls',
};

describe('a request through three processes, gpuspan being off in the middle one', () => {
  it.each(Object.entries(WAYS))('is one trace without the middle, linked across it, by way of %s', async (_, role) => {
    const { spans, notes } = await play('middle-off', {
      front: { role: 'front' },
      controller: { role, off: true },
      scheduler: { role: 'scheduler' },
    });
    expect(notes).toEqual([{ level: -1, untouched: true }]);
    expectWhole(spans, ['hop']);
    expect(drawTree(spans, requestsOf(spans)[0]!)).toBe(
      tree(`
        request
          front
            tokenize
            api_server_dispatch <- tokenize
          scheduler
            prefill_forward <- api_server_dispatch
            decode_forward <- prefill_forward
      `),
    );
    expectLink(one(spans, 'prefill_forward'), one(spans, 'api_server_dispatch'));
    expect(spans.map(({ resource }) => resource['service.name'])).not.toContain('controller');
  });
});
