// SPDX-License-Identifier: Apache-2.0
//
// Random programs over a standing pool of processes and threads: the spans that come out are those that the model
// says. MODEL_PROGRAMS and MODEL_SEED choose how many and which; `npm run model` does the same and keeps the figures.
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkPrograms } from './check.mjs';
import { Model, expectSpans } from './model.mjs';
import type { Plan } from './plan.mjs';
import { startPool } from './pool.mjs';

const COUNT = Number(process.env['MODEL_PROGRAMS'] ?? 2000);
const SEED = Number(process.env['MODEL_SEED'] ?? randomInt(1_000_000_000));

let pool: Awaited<ReturnType<typeof startPool>>;

beforeAll(async () => {
  pool = await startPool();
});
afterAll(() => pool?.close());

it(`exports exactly what the model says, for ${COUNT} programs of seed ${SEED}`, { timeout: 600_000 }, async () => {
  const { failures, ...figures } = await checkPrograms(pool, { count: COUNT, seed: SEED });
  console.log(`model: ${COUNT} programs, MODEL_SEED=${SEED}, ${figures.spans} spans`);
  expect(failures).toEqual([]);
  expect(figures).toMatchObject({ programs: COUNT, mismatches: 0, orphans: 0, duplicateIds: 0 });
  expect(figures.spans).toBeGreaterThan(COUNT);
});

it('shrinks a program whose spans differ to the few operations that matter', async () => {
  // As if slices on another worker did not link to the one that sent the request there.
  class Unlinked extends Model {
    override adopt(operation: { actor: number; ref: number; carrier: number }): void {
      super.adopt(operation);
      this.owners.get(operation.ref).previous = undefined;
    }
  }
  const wrong = (plan: Plan) => expectSpans(plan, new Unlinked());
  const { mismatches, failures } = await checkPrograms(pool, { count: 50, seed: SEED, expect: wrong });
  expect(mismatches).toBeGreaterThan(0);
  for (const { shrunk, problems } of failures) {
    expect(shrunk.join('\n')).toMatch(/adopt/);
    expect(shrunk.length).toBeLessThan(25);
    expect(problems.join('\n')).toMatch(/links to .* instead of nothing/);
  }
});
