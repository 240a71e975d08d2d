// SPDX-License-Identifier: Apache-2.0
//
// A client that goes away in the middle of a stream: what is open ends flagged, the root span has error status.
import { query } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectWhole, one, requestsOf, tree } from './tree';

const ERROR = 2;

describe('a client that aborts in mid-stream', () => {
  it('ends the request with error status and the reason as an exception, the open slices flagged', async () => {
    const { spans } = await play(
      'client-abort',
      {
        front: { role: 'front', options: { level: 3 } },
        scheduler: { role: 'scheduler' },
      },
      { stale: 1 },
    );
    expectWhole(spans, ['stream']);
    const root = requestsOf(spans)[0]!;
    expect(drawTree(spans, root, { attributes: ['token', 'output_tokens'] })).toBe(
      tree(`
        request !exception ERROR 'the client went away'
          front
            api_server_dispatch
            stream_write token=0 <- api_server_dispatch
            stream_write token=1 <- stream_write
            stream_write !client_abort unfinished <- stream_write
          scheduler output_tokens=2
            decode_forward unfinished <- api_server_dispatch
              decode_loop !cancelled unfinished
      `),
    );
    expect(root.status).toEqual({ code: ERROR, message: 'the client went away' });
    expect(root.events[0]!.attributes).toMatchObject({
      'exception.type': 'Error',
      'exception.message': 'the client went away',
    });
    // Only the request failed: what its workers did for it did not.
    const failed = spans.filter(({ status }) => status.code === ERROR);
    expect(failed.map(({ name }) => name)).toEqual(['request']);
  });

  it('still gets the slices of a worker that hears of it after the root span was exported', async () => {
    const { spans } = await play('client-abort', { front: { role: 'hastyFront' }, scheduler: { role: 'scheduler' } });
    expectWhole(spans, ['stream']);
    const root = requestsOf(spans)[0]!;
    expect(drawTree(spans, root, { attributes: ['token'] })).toBe(
      tree(`
        request ERROR 'client went away'
          hastyFront
            api_server_dispatch
            stream_write token=0 <- api_server_dispatch
            stream_write token=1 <- stream_write
            stream_write unfinished <- stream_write
          scheduler
            decode_forward !cancelled unfinished <- api_server_dispatch
      `),
    );
    const arrived = spans.map(({ name }) => name);
    expect(arrived.indexOf('request')).toBeLessThan(arrived.indexOf('scheduler'));
    expect(one(spans, 'scheduler').endTimeUnixNano).toBeGreaterThan(root.endTimeUnixNano);
    expect(query(spans).byName('request')).toHaveLength(1);
  });
});
