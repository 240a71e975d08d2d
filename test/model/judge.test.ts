// SPDX-License-Identifier: Apache-2.0
//
// The judge of the model test can fail: any change to what was exported is found, and so is a model that is wrong in
// any one rule, which also shows that the programs exercise each of them.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawPlan, judgeGroup } from './check.mjs';
import type { Span } from './compare.mjs';
import { Model, expectSpans } from './model.mjs';
import type { Plan } from './plan.mjs';
import { startPool } from './pool.mjs';

const PLANS = Array.from({ length: 100 }, (_, index) => drawPlan(index));

let result: { spans: Span[]; failures: unknown[]; losses: Record<string, number> };

beforeAll(async () => {
  const pool = await startPool();
  result = (await pool.run(PLANS)) as typeof result;
  await pool.close();
});

function isRight(given: object, model: () => Model = () => new Model()): boolean {
  const expectOf = (plan: Plan) => expectSpans(plan, model());
  const { failed, common } = judgeGroup(PLANS, { ...result, ...given }, { expect: expectOf });
  return failed.length + common.length === 0;
}

it('finds nothing wrong with what came out', () => {
  expect(isRight({})).toBe(true);
});

describe('a change of one span', () => {
  const other = (span: Span) => result.spans.find(({ trace, id }) => trace === span.trace && id !== span.id)?.id;
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
      const anySpan = fc.nat(result.spans.length - 1);
      fc.assert(
        fc.property(anySpan, (index) => {
          const spans = result.spans.flatMap((span, at) => (at === index ? (change(span) ?? []) : span));
          return !isRight({ spans });
        }),
        { numRuns: 8 },
      );
    });
  }

  it('is found: a span too many, a lost link, an id used twice, a loss that was not counted', () => {
    const [first, second] = result.spans as [Span, Span];
    expect(isRight({ spans: [...result.spans, { ...first, id: '00000000000000ff' }] })).toBe(false);
    const linked = result.spans.findIndex(({ links }) => links.length > 0);
    expect(isRight({ spans: result.spans.with(linked, { ...result.spans[linked]!, links: [] }) })).toBe(false);
    const twice = result.spans.map((span) => (span === first ? { ...first, id: second.id } : span));
    expect(judgeGroup(PLANS, { ...result, spans: twice }).duplicateIds).toBe(1);
    expect(isRight({ losses: { ...result.losses, closed: result.losses['closed']! - 1 } })).toBe(false);
  });
});

describe('a model that is wrong in one rule is found', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the model's insides, to be wrong about them.
  type Any = any;
  const wrong: Record<string, () => Model> = {
    'slices of stages above the level': () =>
      new (class extends Model {
        override records() {
          return true;
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
    'calls that come too late': () =>
      new (class extends Model {
        override lose() {}
      })(),
  };

  for (const [rule, model] of Object.entries(wrong)) {
    it(rule, () => {
      expect(isRight({}, model)).toBe(false);
    });
  }
});

afterAll(() => {
  result = { spans: [], failures: [], losses: {} };
});
