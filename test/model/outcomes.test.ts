// SPDX-License-Identifier: Apache-2.0
//
// What the judge of the model test says: one program written by hand, done by the pool once; then each way in which its
// spans could be wrong, and the line that must tell of it.
import { beforeAll, describe, expect, it } from 'vitest';
import { judgeGroup } from './check.mjs';
import type { Span } from './compare.mjs';
import { ACTORS, EVENTS, PROCESSES, STAGES } from './declarations.mjs';
import type { Plan } from './plan.mjs';
import { startPool } from './pool.mjs';

const stage = (name: string) => STAGES.findIndex((one) => one.name === name);
const actor = (label: string) => ACTORS.findIndex((one) => one.label === label);
const EVENT = EVENTS.findIndex(({ name }) => name === 'a1_event');

/** Level 2 and all modules everywhere. */
const SETTINGS = PROCESSES.map(({ name }) => ({ level: 2, modules: undefined, actor: actor(`${name}-0`) }));

/**
 * A request that goes from alpha to beta while a1 is open, another that is aborted, and a batch of the two. The second
 * request's slice comes after its own batch, so that every rule has something to say.
 */
function plan(): Plan {
  const here = actor('alpha-0');
  const there = actor('beta-0');
  const operations: [number, object][] = [
    [here, { do: 'start', ref: 0, request: 0, id: 'first', via: 'request' }],
    [here, { do: 'begin', owner: 0, token: 0, stage: stage('a1') }],
    [here, { do: 'begin', owner: 0, token: 1, stage: stage('a2') }],
    [here, { do: 'event', owner: 0, event: EVENT, attributes: { e: 3 } }],
    [here, { do: 'end', owner: 0, token: 1, attributes: { n: 4 } }],
    [here, { do: 'send', owner: 0, carrier: 0, to: [there] }],
    [there, { do: 'adopt', ref: 1, carrier: 0 }],
    [there, { do: 'begin', owner: 1, token: 2, stage: stage('b1') }],
    [there, { do: 'end', owner: 1, token: 2, attributes: { n: 8 } }],
    [there, { do: 'leave', owner: 1, attributes: { stay: 1 } }],
    [here, { do: 'end', owner: 0, token: 0, attributes: { n: 10 } }],
    // Long enough that its start is not taken for a1's.
    [here, { do: 'record', owner: 0, stage: stage('b2'), attributes: { n: 11 } }],
    [here, { do: 'begin', owner: 0, token: 3, stage: stage('a1_too') }],
    [here, { do: 'start', ref: 2, request: 1, id: 'second', via: 'request' }],
    [here, { do: 'batch', batch: 'b0', members: [0, 2], attributes: { batch: 'b0' } }],
    [here, { do: 'begin', owner: 'b0', token: 4, stage: stage('b2') }],
    [here, { do: 'end', owner: 'b0', token: 4, attributes: { n: 16 }, columns: { accepted: [3, 5] } }],
    [here, { do: 'endBatch', owner: 'b0' }],
    [here, { do: 'abort', owner: 2, reason: 'gone 2', error: true }],
    [here, { do: 'end', owner: 0, token: 3, attributes: { n: 19 } }],
    [here, { do: 'finish', owner: 0, attributes: { f: 20 } }],
  ];
  return {
    seed: 0,
    steps: [],
    operations: operations.map(([who, operation], n) => ({ n, phase: 0, actor: who, ...operation })) as never,
    world: [SETTINGS, SETTINGS, SETTINGS],
  };
}

interface Result {
  readonly spans: Span[];
  readonly failures: { program: number; error: string }[];
  readonly losses: Record<string, number>;
}

const PLAN = plan();
let right: Result;

beforeAll(async () => {
  const pool = await startPool();
  right = (await pool.run([PLAN])) as Result;
  await pool.close();
});

function problemsOf(result: Result): string[] {
  const { failed, common } = judgeGroup([PLAN], result);
  return [...failed.flatMap(({ problems }) => problems), ...common];
}

/** The span with this name, and this value of `n`, `rid` or `stay` where more than one have the name. */
function find(name: string, mark?: number | string, member = true): Span {
  const found = right.spans.filter(
    ({ name: own, attributes: { n, rid, stay, accepted } }) =>
      own === name &&
      (mark === undefined || [n, rid, stay, accepted].includes(mark)) &&
      (member || accepted === undefined),
  );
  expect(found, name).toHaveLength(1);
  return found[0]!;
}

/** The right spans, but for some that have other fields; undefined: is missing. */
function but(changes: ReadonlyMap<Span, Partial<Span> | undefined>): Result {
  const spans = right.spans.flatMap((span) => {
    if (!changes.has(span)) return span;
    const change = changes.get(span);
    return change === undefined ? [] : { ...span, ...change };
  });
  return { ...right, spans };
}

const one = (span: Span, change: Partial<Span> | undefined) => but(new Map([[span, change]]));
const add = (span: Span) => ({ ...right, spans: [...right.spans, span] });
const linkTo = ({ trace, id }: Span) => [{ trace, id }];
const later = ([seconds, nanos]: [number, number], by: number): [number, number] => [seconds + by, nanos];
const alpha = () => right.spans.find(({ name, id }) => name === 'alpha-0' && id === find('a1').parent)!;

/** What is wrong, how, and what the judge must say. */
const OUTCOMES: Record<string, [() => Result, RegExp]> = {
  'a missing root': [() => one(find('request', 'first'), undefined), /^0 spans for root request .*rid: "first"/],
  'two roots': [
    () => add({ ...find('request', 'first'), id: '00000000000000ff' }),
    /^2 spans for root request .*rid: "first"/,
  ],
  'a root with a parent': [
    () => one(find('request', 'first'), { parent: find('request', 'second').id, remote: true }),
    /^caller of request .*rid: "first".* instead of ""$/,
  ],
  'an orphan slice': [() => one(find('a2'), { parent: 'f'.repeat(16) }), /^orphan: a2 \{n: 4\}/],
  'a slice below its worker instead of its slice': [
    () => one(find('a2'), { parent: alpha().id }),
    /^missing: slice a2 .* of operation 2 by actor 0 in a1 /,
  ],
  'a link to another slice': [
    () => one(find('b1'), { links: linkTo(find('a2')) }),
    /^b1 .* links to a2 .* instead of slice a1 /,
  ],
  'a link to nothing that came out': [
    () => one(find('b1'), { links: [{ trace: find('b1').trace, id: 'e'.repeat(16) }] }),
    /^b1 .* links to .*e{16} instead of slice a1 /,
  ],
  'a missing link': [() => one(find('a1_too'), { links: [] }), /^a1_too .* links to nothing instead of slice b2 /],
  'a link too many': [
    () => one(find('a2'), { links: linkTo(find('a1')) }),
    /^a2 .* links to a1 .* instead of nothing$/,
  ],
  'a slice above the level': [
    () => add({ ...find('a2'), name: 'a3', id: '00000000000000ff' }),
    /^unexpected: a3 \{n: 4\}/,
  ],
  'a missing slice': [
    () => one(find('a1_too'), undefined),
    /^missing: slice a1_too \{n: 19\} of operation 12 .* in alpha-0 /,
  ],
  'a missing worker span': [
    () => one(find('beta-0'), undefined),
    /^missing: worker beta-0 .* in request .*rid: "first"/,
  ],
  'an id used twice': [() => one(find('a2'), { id: find('a1_too').id }), /^two spans have the id [0-9a-f]{16}$/],
  'a worker under the name of another': [
    () => one(find('beta-0'), { name: 'beta-1' }),
    /^missing: worker beta-0 .* in request /,
  ],
  'a slice on the wrong worker': [() => one(find('b1'), { parent: alpha().id }), /^missing: slice b1 .* in beta-0 /],
  'a slice in a trace of nobody': [() => one(find('b1'), { trace: 'd'.repeat(32) }), /^no program's: b1 \{"n":8\}/],
  'a slice in the trace of another request': [
    () => one(find('b1'), { trace: find('request', 'second').trace }),
    /^orphan: b1 \{n: 8\}/,
  ],
  'a batch in the trace of a request': [
    () => one(find('batch'), { trace: find('request', 'second').trace }),
    /^two requests or batches share a trace$/,
  ],
  'a value on the wrong member': [
    () => {
      const members = [find('b2', 3), find('b2', 5)] as const;
      const changes = members.map(({ attributes }, index) => ({
        attributes: { ...attributes, accepted: members[1 - index]!.attributes['accepted'] },
      }));
      return but(
        new Map([
          [members[0], changes[0]!],
          [members[1], changes[1]!],
        ]),
      );
    },
    /^attributes of b2 .*: \{accepted: 5, n: 16\} instead of \{accepted: 3, n: 16\}$/,
  ],
  'a member without its span': [() => one(find('b2', 5), undefined), /^missing: member b2 \{accepted: 5, n: 16\} /],
  'a member whose span does not lead to the batch': [
    () => one(find('b2', 3), { links: [] }),
    /^b2 .* links to nothing instead of batch batch /,
  ],
  'a missing batch span': [() => one(find('batch'), undefined), /^0 spans for batch batch \{batch: "b0"/],
  'a batch that does not lead to a member': [
    () => one(find('batch'), { links: find('batch').links.slice(1) }),
    /^batch .* links to alpha-0 .* instead of worker alpha-0 .*, worker alpha-0 /,
  ],
  'a missing event': [
    () => one(find('a2'), { events: [] }),
    /^events of a2 .*: \[\] instead of \[\{attributes: \{e: 3\}/,
  ],
  'an event in the slice around it': [
    () => {
      const { events } = find('a2');
      return but(
        new Map([
          [find('a2'), { events: [] }],
          [find('a1'), { events }],
        ]),
      );
    },
    /^events of a1 .*: \[\{attributes: \{e: 3\}.* instead of \[\]$/,
  ],
  'an event without its attributes': [
    () => one(find('a2'), { events: [{ name: 'a1_event', attributes: {} }] }),
    /^events of a2 .*: \[\{attributes: \{\}, .* instead of \[\{attributes: \{e: 3\}/,
  ],
  'a missing status': [
    () => one(find('request', 'second'), { status: { code: 0, message: '' } }),
    /^status of request .*: \{code: 0, message: ""\} instead of \{code: 2, message: "gone 2"\}$/,
  ],
  'a missing exception': [
    () => one(find('request', 'second'), { events: [] }),
    /^events of request .*: \[\] instead of .*gone 2/,
  ],
  'a missing attribute': [
    () => one(find('request', 'first'), { attributes: { rid: 'first', 'gpuspan.request.level': 2 } }),
    /^attributes of request .* instead of \{f: 20, /,
  ],
  'a mark of what was not closed': [
    () => one(find('a2'), { attributes: { n: 4, 'gpuspan.unfinished': true } }),
    /^attributes of a2 .*gpuspan\.unfinished: true/,
  ],
  'another level on the worker span': [
    () => one(find('beta-0'), { attributes: { ...find('beta-0').attributes, 'gpuspan.request.level': 4 } }),
    /^attributes of beta-0 .*gpuspan\.request\.level: 4.* instead of .*gpuspan\.request\.level: 2/,
  ],
  'another kind of span': [
    () => one(find('request', 'first'), { server: true }),
    /^kind of request .*: true instead of false$/,
  ],
  'an end before the start': [
    () => one(find('a2'), { end: later(find('a2').start, -1) }),
    /^ends before it starts: a2 /,
  ],
  'a start before the parent': [
    () => one(find('a2'), { start: later(find('a2').start, -1) }),
    /^starts \d+ ns before its parent: a2 /,
  ],
  'an end after the stay': [
    () => one(find('a1'), { end: later(find('a1').end, 1) }),
    /^ends \d+ ns after its stay: a1 /,
  ],
  'siblings in the wrong order': [
    () => one(find('a1'), { start: find('a1_too').end }),
    /^starts before a1 .*, which was begun first: a1_too /,
  ],
  'a loss': [() => ({ ...right, losses: { ring: 2 } }), /^lost, reason ring: 2 instead of 0$/],
  'a call that threw': [
    () => ({ ...right, failures: [{ program: 0, error: 'TypeError: no such request' }] }),
    /^threw: TypeError: no such request$/,
  ],
};

describe('the judge of the model test', () => {
  it('finds nothing wrong with what came out, nor in another order', () => {
    expect(problemsOf(right)).toEqual([]);
    expect(problemsOf({ ...right, spans: right.spans.toReversed() })).toEqual([]);
  });

  it.each(Object.entries(OUTCOMES))('says what is wrong about %s', (_, [outcome, said]) => {
    expect(problemsOf(outcome())).toContainEqual(expect.stringMatching(said));
  });

  it('counts orphans and ids used twice', () => {
    const orphan = judgeGroup([PLAN], one(find('a2'), { parent: 'f'.repeat(16) }));
    expect([orphan.orphans, orphan.duplicateIds]).toEqual([1, 0]);
    const twice = judgeGroup([PLAN], one(find('a2'), { id: find('a1_too').id }));
    expect([twice.orphans, twice.duplicateIds]).toEqual([0, 1]);
  });
});
