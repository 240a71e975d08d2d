// SPDX-License-Identifier: Apache-2.0
//
// A million slices through rings that hold a thousand: traces are thinned, never torn, and every slice is
// accounted for.
import { query, startReceiver } from 'gpuspan/testing';
import { expect, it } from 'vitest';
import { runScript } from './child';

const SLICES = 1_000_000;

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

it('balances both loss equations, leaves no parent out and shows losses by reason when rings are flooded', async () => {
  const receiver = await startReceiver();
  const ended = await runScript('flood.cjs', [], receiver.url, { GPUSPAN_RING_SLOTS: '1024' });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  const stats = JSON.parse(ended.stdout);

  expect(stats).toMatchObject({ recorded: SLICES, lostOwners: {} });
  for (const lane of stats.lanes) expect(lane.recorded).toBe(lane.consumed + sum(lane.lost) + lane.inRing);
  expect(stats.consumed).toBe(stats.reader.delivered + stats.reader.held + sum(stats.reader.lost));
  expect(stats.inRing).toBe(0);
  expect(stats.reader.held).toBe(0);
  expect(Object.keys(stats.lost)).toEqual(['ring']);
  expect(stats.reader.owners).toBe(stats.owners);

  const slices = receiver.spans.filter(({ name }) => name === 'outer' || name === 'inner');
  expect(slices).toHaveLength(stats.reader.delivered);
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(receiver.spans.length);
  expect(query(receiver.spans).orphans()).toEqual([]);
  const told = receiver.spans.filter(({ attributes }) => Number(attributes['gpuspan.lost.ring']) > 0);
  expect(told.length).toBeGreaterThan(0);
  await receiver.close();
});
