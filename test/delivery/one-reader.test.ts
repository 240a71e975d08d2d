// SPDX-License-Identifier: Apache-2.0
//
// One reader a process: whichever environment starts, ends or is terminated, in whatever order, every slice is
// consumed once, and it is delivered.
import { type ReceivedSpan, startReceiver } from 'gpuspan/testing';
import { describe, expect, it } from 'vitest';
import { runScript } from './child';

interface Outcome {
  readonly slices: number;
  readonly owners: number;
  readonly stats: { readonly recorded: number; readonly consumed: number; readonly inRing: number };
  readonly received: readonly ReceivedSpan[];
}

async function runEnvironments(seed: number, manner: string): Promise<Outcome> {
  const receiver = await startReceiver();
  const ended = await runScript('environments.cjs', [`${seed}`, manner], receiver.url);
  expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: '' });
  await receiver.close();
  return { ...JSON.parse(ended.stdout), received: receiver.spans };
}

function distinct(spans: readonly ReceivedSpan[]): number {
  return new Set(spans.map(({ spanId }) => spanId)).size;
}

describe('environments in an order drawn from a seed', () => {
  it.each([1, 2, 3])('deliver every slice exactly once when no export is cut off (seed %i)', async (seed) => {
    const { slices, owners, stats, received } = await runEnvironments(seed, 'quiet');
    expect(stats).toMatchObject({ recorded: slices, consumed: slices, inRing: 0, owners, lost: {} });
    expect(stats).toMatchObject({ reader: { delivered: slices, held: 0, owners, lost: {} } });
    expect(received).toHaveLength(slices + owners);
    expect(distinct(received)).toBe(slices + owners);
  });

  // An export that was cut off with its reader is repeated by the next one: the receiver may see a span twice,
  // under the same id, but the process counts it once.
  it.each([4, 5, 6])(
    'consume every slice once and deliver it when readers vanish mid-export (seed %i)',
    async (seed) => {
      const { slices, owners, stats, received } = await runEnvironments(seed, 'abrupt');
      expect(stats).toMatchObject({ recorded: slices, consumed: slices, inRing: 0, owners, lost: {} });
      expect(stats).toMatchObject({ reader: { delivered: slices, held: 0, owners, lost: {} } });
      expect(distinct(received)).toBe(slices + owners);
    },
  );
});
