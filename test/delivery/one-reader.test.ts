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
  readonly stats: {
    readonly recorded: number;
    readonly consumed: number;
    readonly inRing: number;
    readonly lost: Readonly<Record<string, number>>;
    readonly reader: { readonly lost: Readonly<Record<string, number>> };
  };
  readonly received: readonly ReceivedSpan[];
}

// Once, if at all: the environment with an exporter of its own may come first.
const INLINE_WAITS = /^.* GpuspanWarning: another thread of this process already delivers its slices;.*\n(\(Use .*\n)?/;

function expectBalanced({ slices, owners, stats }: Outcome): void {
  expect(stats).toMatchObject({ recorded: slices, consumed: slices, inRing: 0, owners });
  expect(stats).toMatchObject({ reader: { delivered: slices, held: 0, owners } });
  expect([stats.lost, stats.reader.lost]).toEqual([{}, {}]);
}

async function runEnvironments(seed: number, manner: string): Promise<Outcome> {
  const receiver = await startReceiver();
  const ended = await runScript('environments.cjs', [`${seed}`, manner], receiver.url);
  const stderr = ended.stderr.replace(INLINE_WAITS, '');
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(stderr).toBe('');
  await receiver.close();
  return { ...JSON.parse(ended.stdout), received: receiver.spans };
}

function distinct(spans: readonly ReceivedSpan[]): number {
  return new Set(spans.map(({ spanId }) => spanId)).size;
}

describe('environments in an order drawn from a seed', () => {
  it.each<[number, string]>([
    [1, 'quiet'],
    [2, 'quiet'],
    [3, 'quiet'],
    [7, 'inline'],
    [8, 'inline'],
    [9, 'concurrent'],
    [10, 'concurrent'],
  ])('deliver every slice exactly once when no export is cut off (seed %i, %s)', async (seed, manner) => {
    const outcome = await runEnvironments(seed, manner);
    expectBalanced(outcome);
    expect(outcome.received).toHaveLength(outcome.slices + outcome.owners);
    expect(distinct(outcome.received)).toBe(outcome.slices + outcome.owners);
  });

  // An export that was cut off with its reader is repeated by the next one: the receiver may see a span twice,
  // under the same id, but the process counts it once.
  it.each([4, 5, 6])(
    'consume every slice once and deliver it when readers vanish mid-export (seed %i)',
    async (seed) => {
      const outcome = await runEnvironments(seed, 'abrupt');
      expectBalanced(outcome);
      expect(distinct(outcome.received)).toBe(outcome.slices + outcome.owners);
    },
  );
});
