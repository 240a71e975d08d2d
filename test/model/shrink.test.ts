// SPDX-License-Identifier: Apache-2.0
//
// Making a failing list of steps smaller, without a pool: what fails is said here.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { programs, type Step } from './plan.mjs';
import { shrinkSteps } from './shrink.mjs';

const MOST = 2000;

/** A step and, after it, another: only the first's first number matters. */
function fails(steps: readonly Step[]): boolean {
  const first = steps.findIndex(([kind, a]) => kind === 'send' && a % 3 === 1);
  return first >= 0 && steps.slice(first).some(([kind]) => kind === 'adopt');
}

it('leaves two steps of any program that fails because of two, and no number that does not matter', async () => {
  const failing = (programs() as fc.Arbitrary<Step[]>).filter(fails);
  await fc.assert(
    fc.asyncProperty(failing, async (steps) => {
      let asked = 0;
      const smallest = await shrinkSteps(
        steps,
        async (candidate) => {
          asked++;
          return fails(candidate);
        },
        MOST,
      );
      expect(smallest.map(([kind, , ...rest]) => [kind, ...rest])).toEqual([
        ['send', 0, 0],
        ['adopt', 0, 0],
      ]);
      expect(fails(smallest)).toBe(true);
      expect(asked).toBeLessThan(MOST / 4);
    }),
  );
});

it('gives the steps as they were when nothing smaller fails, and asks no more often than it may', async () => {
  const steps: Step[] = [
    ['start', 0, 0, 0],
    ['finish', 0, 0, 0],
  ];
  expect(await shrinkSteps(steps, async ({ length }) => length === 2, MOST)).toEqual(steps);
  let asked = 0;
  const many = Array.from({ length: 64 }, (): Step => ['begin', 1, 2, 3]);
  await shrinkSteps(many, async () => ++asked < 0, 5);
  expect(asked).toBe(5);
});
