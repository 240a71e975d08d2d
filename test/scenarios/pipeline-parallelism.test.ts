// SPDX-License-Identifier: Apache-2.0
//
// Pipeline parallelism: micro-batches that go through two ranks, each a process.
import { query } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectWhole, requestsOf, tree } from './tree';

const RIDS = ['mb0-0', 'mb0-1', 'mb1-0', 'mb1-1'];
const SHOWN = { attributes: ['rid', 'pp_mb_id', 'row'] };

async function playPipeline() {
  const worker = (ppRank: number) => ({ label: `rank${ppRank}`, ppRank });
  const { spans } = await play('pipeline-parallelism', {
    first: { role: 'firstRank', options: { level: 3, worker: worker(0), expandLevel: 3 } },
    second: { role: 'secondRank', options: { worker: worker(1), expandLevel: 3 } },
  });
  expectWhole(spans, RIDS);
  return spans;
}

describe('pipeline parallelism', () => {
  it('shows for every request which micro-batch it was in on which rank', async () => {
    const spans = await playPipeline();
    const request = (rid: string) => {
      const [, id, row] = /mb(\d)-(\d)/.exec(rid)!;
      return tree(`
        request rid=${rid}
          rank0
            pp_forward pp_mb_id=${id} row=${row} <- batch
            pp_send pp_mb_id=${id} <- batch
          rank1 pp_mb_id=${id}
            pp_recv pp_mb_id=${id} <- batch
            pp_forward pp_mb_id=${id} row=${row} <- batch
      `);
    };
    expect(requestsOf(spans).map((root) => drawTree(spans, root, SHOWN))).toEqual(RIDS.map(request));
  });

  it('has one batch for each micro-batch and rank, linked to the stays of its requests there', async () => {
    const spans = await playPipeline();
    const batches = query(spans)
      .roots()
      .filter(({ name }) => name === 'batch');
    expect(batches.map((batch) => drawTree(spans, batch, SHOWN)).sort()).toEqual(
      [0, 1].flatMap((id) => [
        `batch pp_mb_id=${id} <- rank0, rank0\n  pp_forward pp_mb_id=${id}\n  pp_send pp_mb_id=${id}`,
        `batch pp_mb_id=${id} <- rank1, rank1\n  pp_recv pp_mb_id=${id}\n  pp_forward pp_mb_id=${id}`,
      ]),
    );
  });

  it('names the rank on the worker spans, of two processes', async () => {
    const spans = await playPipeline();
    for (const rank of [0, 1]) {
      const stays = query(spans).byName(`rank${rank}`);
      expect(stays).toHaveLength(RIDS.length);
      for (const { attributes } of stays) expect(attributes).toMatchObject({ 'gpuspan.worker.pp_rank': rank });
    }
    expect(new Set(spans.map(({ resource }) => resource['process.pid'])).size).toBe(2);
  });
});
