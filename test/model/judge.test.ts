// SPDX-License-Identifier: Apache-2.0
//
// The judge of the model test can fail: any change to what was exported is found, and so is a model that is wrong in
// any one rule, which also shows that the programs exercise each of them.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawPlan, judgeGroup } from './check.mjs';
import type { Span } from './compare.mjs';
import { ACTORS } from './declarations.mjs';
import { Model, expectSpans } from './model.mjs';
import type { Plan } from './plan.mjs';
import { startPool } from './pool.mjs';
import { BLOCK } from './world.mjs';

/** Programs that run at the same time are of one block. */
const BLOCKS = Array.from({ length: 4 }, (_, block) =>
  Array.from({ length: BLOCK }, (_, index) => drawPlan(block * BLOCK + index)),
);

interface Result {
  readonly spans: Span[];
  readonly failures: unknown[];
  readonly losses: Record<string, number>;
}

/** By block. */
const results: Result[] = [];

beforeAll(async () => {
  const pool = await startPool();
  for (const plans of BLOCKS) results.push((await pool.run(plans)) as Result);
  await pool.close();
});

/** Whether the judge finds nothing wrong about a block. `given` is in place of what came out. */
function isRight(block: number, given: Partial<Result>, model: () => Model = () => new Model()): boolean {
  const expectOf = (plan: Plan) => expectSpans(plan, model());
  const { failed, common } = judgeGroup(BLOCKS[block]!, { ...results[block]!, ...given }, { expect: expectOf });
  return failed.length + common.length === 0;
}

it('finds nothing wrong with what came out', () => {
  expect(BLOCKS.map((_, block) => isRight(block, {}))).toEqual([true, true, true, true]);
});

describe('a change of one span', () => {
  const spansOf = (block: number) => results[block]!.spans;
  const other = (span: Span) => spansOf(0).find(({ trace, id }) => trace === span.trace && id !== span.id)?.id;
  const changes: Record<string, (span: Span) => Span | undefined> = {
    'its absence': () => undefined,
    'another name': (span) => ({ ...span, name: `${span.name}?` }),
    'another parent': (span) => ({
      ...span,
      parent: span.parent === '' ? (other(span) ?? 'f'.repeat(16)) : 'f'.repeat(16),
    }),
    'an attribute more': (span) => ({ ...span, attributes: { ...span.attributes, more: 1 } }),
    'an event more': (span) => ({ ...span, events: [...span.events, { name: 'more', attributes: {} }] }),
    'a link more': (span) => ({ ...span, links: [...span.links, { trace: span.trace, id: span.id }] }),
    'error status': (span) => ({ ...span, status: { code: 2, message: `no ${span.status.message}` } }),
    'an end before the start': (span) => ({ ...span, end: [span.start[0] - 1, 0] }),
    'another kind': (span) => ({ ...span, server: !span.server }),
  };

  for (const [what, change] of Object.entries(changes)) {
    it(`is found: ${what}`, () => {
      const anySpan = fc.nat(spansOf(0).length - 1);
      fc.assert(
        fc.property(anySpan, (index) => {
          const spans = spansOf(0).flatMap((span, at) => (at === index ? (change(span) ?? []) : span));
          return !isRight(0, { spans });
        }),
        { numRuns: 8 },
      );
    });
  }

  it('is found: a span too many, a lost link, an id used twice, a loss that was not counted', () => {
    const { spans, losses } = results[0]!;
    const [first, second] = spans as [Span, Span];
    expect(isRight(0, { spans: [...spans, { ...first, id: '00000000000000ff' }] })).toBe(false);
    const linked = spans.findIndex(({ links }) => links.length > 0);
    expect(isRight(0, { spans: spans.with(linked, { ...spans[linked]!, links: [] }) })).toBe(false);
    const twice = spans.map((span) => (span === first ? { ...first, id: second.id } : span));
    expect(judgeGroup(BLOCKS[0]!, { ...results[0]!, spans: twice }).duplicateIds).toBe(1);
    expect(isRight(0, { losses: { ...losses, closed: losses['closed']! - 1 } })).toBe(false);
  });
});

describe('a model that is wrong in one rule is found', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the model's insides, to be wrong about them.
  type Any = any;
  const wrong: Record<string, () => Model> = {
    'slices of stages above the level': () =>
      new (class extends Model {
        override records(_kind: Any, owner: Any) {
          return owner.level >= 0;
        }
      })(),
    'slices of modules that are off': () =>
      new (class extends Model {
        override records(kind: Any, owner: Any) {
          return kind.level <= owner.level;
        }
      })(),
    'links of adopted requests': () =>
      new (class extends Model {
        override adopt(operation: Any) {
          super.adopt(operation);
          this.owners.get(operation.ref).previous = undefined;
        }
      })(),
    'the open slice as link of a carrier': () =>
      new (class extends Model {
        override send(operation: Any) {
          super.send(operation);
          this.carriers.get(operation.carrier).link = this.owners.get(operation.owner).previous;
        }
      })(),
    'parents that are named': () =>
      new (class extends Model {
        override begin(operation: Any) {
          super.begin({ ...operation, parent: undefined });
        }
      })(),
    'the parent of what follows': () =>
      new (class extends Model {
        override siblingParent(owner: Any) {
          return owner.open.at(-1);
        }
      })(),
    'batch slices below one of a higher level': () =>
      new (class extends Model {
        override parentOf(_owner: Any, _stage: Any, from: Any) {
          return from;
        }
      })(),
    'members that have left': () =>
      new (class extends Model {
        override endStay(stay: Any, attributes: Any, failure: Any) {
          super.endStay(stay, attributes, failure);
          for (const batch of this.owners.values()) for (const member of batch.members ?? []) member.left = false;
        }
      })(),
    'what is left open': () =>
      new (class extends Model {
        override closeAll(owner: Any) {
          for (const slice of [...owner.open]) this.closeSlice(slice);
        }
      })(),
    'the owner of an event': () =>
      new (class extends Model {
        override event(operation: Any) {
          const owner = this.owners.get(operation.owner);
          const open = owner.open;
          owner.open = open.slice(0, 1);
          super.event(operation);
          owner.open = open;
        }
      })(),
    'requests that their caller does not sample': () =>
      new (class extends Model {
        override start(operation: Any) {
          super.start({ ...operation, headers: undefined });
        }
      })(),
    'the level that is in force when a request starts': () =>
      new (class extends Model {
        override settings(actor: Any) {
          return { ...super.settings(actor)!, level: this.world[0]![ACTORS[actor]!.process]!.level };
        }
      })(),
    'the modules that are in force when a slice begins': () =>
      new (class extends Model {
        override settings(actor: Any) {
          return { ...super.settings(actor)!, modules: this.world[0]![ACTORS[actor]!.process]!.modules };
        }
      })(),
    'the batch that another one continues': () =>
      new (class extends Model {
        override batch(operation: Any) {
          super.batch({ ...operation, previous: undefined });
        }
      })(),
    'generators that are left early': () =>
      new (class extends Model {
        override settle(operation: Any) {
          super.settle({ ...operation, throws: operation.throws || operation.left });
        }
      })(),
    'the slice that an event names': () =>
      new (class extends Model {
        override event(operation: Any) {
          super.event({ ...operation, slice: undefined });
        }
      })(),
    'what is told of a slice before its end': () =>
      new (class extends Model {
        override annotate() {}
      })(),
    'members of a slice that failed': () =>
      new (class extends Model {
        override closeSlice(slice: Any) {
          super.closeSlice(slice);
          for (const copy of slice.members.values()) copy.status = { code: 0, message: '' };
        }
      })(),
    'attributes of a stay that does nothing': () =>
      new (class extends Model {
        override setWorker(operation: Any) {
          super.setWorker(operation);
          const stay = this.owners.get(operation.owner);
          if (stay.level >= 0 && stay.state === 'open') this.workerOf(stay);
        }
      })(),
    'calls that come too late': () =>
      new (class extends Model {
        override lose() {}
      })(),
  };

  for (const [rule, model] of Object.entries(wrong)) {
    it(rule, () => {
      expect(BLOCKS.some((_, block) => !isRight(block, {}, model))).toBe(true);
    });
  }
});
