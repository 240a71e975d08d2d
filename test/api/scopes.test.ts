// SPDX-License-Identifier: Apache-2.0
//
// Scopes around generators: `slice`, of requests and batches, and `trace` with a body that returns one. The slice or
// request begins at the call and ends once, however the generator is driven.
import { SpanStatusCode } from '@opentelemetry/api';
import fc from 'fast-check';
import { defineStages, type Request } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, isUnfinished, parentOf, startExported } from './exported';

const stages = defineStages('scopes', { outer: { level: 1 }, inner: { level: 2 }, detail: { level: 4 } });
const { tracer, spans, named, clear } = startExported();

beforeEach(clear);
afterAll(() => tracer.shutdown());

function* count(to: number) {
  for (let i = 1; i <= to; i++) yield i;
  return 'done';
}

async function* countLater(to: number) {
  for (let i = 1; i <= to; i++) yield await Promise.resolve(i);
  return 'done';
}

/** What was lost since the last look. */
let lostBefore = 0;
function newLosses() {
  const lost = Object.values(tracer.stats().lost).reduce((sum, count) => sum + count, 0);
  const fresh = lost - lostBefore;
  lostBefore = lost;
  return fresh;
}

describe('a slice around a generator', () => {
  it('begins at the call, is open between values, and ends when the generator is done', async () => {
    const request = tracer.request();
    const values: number[] = [];
    for (const value of request.slice(stages.outer, () => count(3))) {
      values.push(value);
      request.end(request.begin(stages.inner));
    }
    request.end(request.begin(stages.detail));
    request.finish();
    const outer = await named('outer');
    const children = (await spans()).filter((span) => span.name === 'inner');
    expect(values).toEqual([1, 2, 3]);
    expect(children.map(parentOf)).toEqual([idOf(outer), idOf(outer), idOf(outer)]);
    expect([isUnfinished(outer), outer.status.code]).toEqual([false, SpanStatusCode.UNSET]);
  });

  it('gives the body its token, and hands values, the return value and what is thrown in through', () => {
    const request = tracer.request();
    const talk = request.slice(stages.outer, function* (token): Generator<number, string, string> {
      try {
        const answer = yield token;
        return answer;
      } catch (error) {
        return `caught ${error}`;
      }
    });
    const other = request.slice(stages.outer, () => count(2));
    expect(talk.next().value).toBeGreaterThan(0);
    expect(talk.next('word')).toEqual({ done: true, value: 'word' });
    expect([...other]).toEqual([1, 2]);
    expect(other.next()).toEqual({ done: true, value: undefined });
    const third = request.slice(stages.outer, function* () {
      try {
        yield 1;
      } catch (error) {
        return `caught ${error}`;
      }
      return '';
    });
    third.next();
    expect(third.throw('x')).toEqual({ done: true, value: 'caught x' });
    request.finish();
  });

  it('ends when a loop over it is left early, after the generator has cleaned up', async () => {
    const request = tracer.request();
    const endless = function* () {
      try {
        for (;;) yield 0;
      } finally {
        request.end(request.begin(stages.inner));
      }
    };
    for (const _ of request.slice(stages.outer, endless)) break;
    const after = request.begin(stages.inner);
    request.end(after, { after: true });
    request.finish();
    const outer = await named('outer');
    const inner = (await spans()).filter((span) => span.name === 'inner');
    const worker = await named('Worker');
    expect(isUnfinished(outer)).toBe(false);
    expect(inner.map(parentOf)).toEqual([idOf(outer), idOf(worker)]);
  });

  it('ends when it is left before it was started', async () => {
    const request = tracer.request();
    expect(request.slice(stages.outer, () => count(3)).return('early')).toEqual({ done: true, value: 'early' });
    request.finish();
    expect(isUnfinished(await named('outer'))).toBe(false);
  });

  it('has error status when the generator throws', async () => {
    const request = tracer.request();
    const failing = request.slice(stages.outer, function* () {
      yield 1;
      throw new TypeError('no such token');
    });
    expect(() => [...failing]).toThrow('no such token');
    request.finish();
    const outer = await named('outer');
    expect(outer.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no such token' });
    expect(outer.events.map(({ name }) => name)).toEqual(['exception']);
  });

  it('ends, flagged, with the request when it is abandoned', async () => {
    const request = tracer.request();
    request.slice(stages.outer, () => count(3)).next();
    request.finish();
    expect(isUnfinished(await named('outer'))).toBe(true);
  });

  it('keeps the prototype, so that what works on generators works on it', () => {
    const request = tracer.request();
    const generator = request.slice(stages.outer, count.bind(undefined, 2));
    const made = request.slice(stages.inner, () => count(2));
    expect(Object.prototype.toString.call(generator)).toBe('[object Generator]');
    expect(made).toBeInstanceOf(count);
    expect([...made]).toEqual([1, 2]);
    request.finish();
  });

  it('is the generator itself when nothing is recorded', () => {
    const request = tracer.request();
    const plain = count(1);
    expect(request.slice(stages.detail, () => plain)).toBe(plain);
    request.finish();
  });

  it('takes an iterator that is no generator for a value', async () => {
    const request = tracer.request();
    const list = [1, 2].values();
    expect(request.slice(stages.outer, () => list)).toBe(list);
    const hostile = {
      get [Symbol.toStringTag](): string {
        throw new Error('do not ask');
      },
    };
    expect(request.slice(stages.inner, () => hostile)).toBe(hostile);
    request.finish();
    expect([isUnfinished(await named('outer')), isUnfinished(await named('inner'))]).toEqual([false, false]);
  });
});

describe('a slice around an asynchronous generator', () => {
  it('ends when it is done, fails when it rejects, and ends when its loop is left early', async () => {
    const request = tracer.request();
    const values: number[] = [];
    for await (const value of request.slice(stages.outer, () => countLater(2))) values.push(value);
    expect(values).toEqual([1, 2]);
    expect(isUnfinished(await lastEnded('outer'))).toBe(false);

    for await (const _ of request.slice(stages.outer, () => countLater(9))) break;
    expect(isUnfinished(await lastEnded('outer'))).toBe(false);

    const failing = request.slice(stages.outer, async function* () {
      yield 1;
      throw new Error('stream broke');
    });
    await failing.next();
    await expect(failing.next()).rejects.toThrow('stream broke');
    expect((await lastEnded('outer')).status.message).toBe('stream broke');
    request.finish();
  });

  it('answers calls that overlap in their order, and ends once', async () => {
    newLosses();
    const request = tracer.request();
    const generator = request.slice(stages.outer, () => countLater(1));
    const steps = await Promise.all([generator.next(), generator.next(), generator.next()]);
    request.finish();
    expect(steps).toEqual([
      { done: false, value: 1 },
      { done: true, value: 'done' },
      { done: true, value: undefined },
    ]);
    expect([isUnfinished(await named('outer')), newLosses()]).toEqual([false, 0]);
  });
});

/** The one slice that has ended since the last look, of a request that goes on. */
async function lastEnded(name: string) {
  const span = await named(name);
  await clear();
  return span;
}

describe('other scopes around a generator', () => {
  it('is the same on a batch', async () => {
    const request = tracer.request();
    const batch = tracer.batch([request]);
    expect([...batch.slice(stages.outer, () => count(2))]).toEqual([1, 2]);
    for await (const _ of batch.slice(stages.inner, () => countLater(2))) break;
    batch.end();
    request.finish();
    const slices = (await spans()).filter(({ name }) => name === 'outer' || name === 'inner');
    expect(slices.map((span) => [span.name, isUnfinished(span)])).toEqual([
      ['outer', false],
      ['outer', false],
      ['inner', false],
      ['inner', false],
    ]);
  });

  it('finishes a traced request when it is done or left early, and aborts it when it throws', async () => {
    const stream = (name: string, body: (request: Request) => AsyncGenerator<number>) => tracer.trace({ name }, body);
    for await (const _ of stream('whole', () => countLater(2)));
    for await (const _ of stream('left', () => countLater(2))) break;
    const broken = stream('broken', async function* (request) {
      yield* request.slice(stages.outer, () => countLater(1));
      throw new Error('stream broke');
    });
    await expect(drain(broken)).rejects.toThrow('stream broke');
    expect([...tracer.trace({ name: 'sync' }, () => count(2))]).toEqual([1, 2]);
    for (const name of ['whole', 'left', 'sync']) expect((await named(name)).status.code).toBe(SpanStatusCode.UNSET);
    expect((await named('broken')).status).toEqual({ code: SpanStatusCode.ERROR, message: 'stream broke' });
  });
});

async function drain(values: AsyncIterable<unknown>) {
  for await (const _ of values);
}

describe('a slice around a generator that is driven at random', () => {
  type Action = 'next' | 'return' | 'throw';
  const actions = fc.array(fc.constantFrom<Action>('next', 'next', 'next', 'return', 'throw'), { maxLength: 8 });
  // What the generator does after each value, and whether it holds on when it is told to stop.
  const habits = fc.record({ values: fc.nat(4), throws: fc.boolean(), holdsOn: fc.boolean() });

  it('steps as the generator alone would, and closes exactly once: at its end, else with the request', async () => {
    await fc.assert(
      fc.asyncProperty(actions, habits, fc.boolean(), async (driven, habit, asynchronous) => {
        newLosses();
        const request = tracer.request();
        const make = () => (asynchronous ? stubbornLater(habit) : stubborn(habit));
        const alone = await drive(make(), driven);
        const wrapped = await drive(
          request.slice(stages.outer, () => make()),
          driven,
        );
        request.finish();
        const slice = await named('outer');
        await clear();
        expect(wrapped.steps).toEqual(alone.steps);
        expect(isUnfinished(slice)).toBe(!alone.over);
        expect(slice.status.code === SpanStatusCode.ERROR).toBe(alone.failed);
        expect(newLosses()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  interface Habit {
    readonly values: number;
    readonly throws: boolean;
    readonly holdsOn: boolean;
  }

  function* stubborn({ values, throws, holdsOn }: Habit): Generator<number, string> {
    try {
      for (let i = 0; i < values; i++) yield i;
      if (throws) throw new Error('by itself');
    } finally {
      if (holdsOn) yield -1;
    }
    return 'end';
  }

  async function* stubbornLater(habit: Habit): AsyncGenerator<number, string> {
    return yield* stubborn(habit);
  }

  /** `failed`: it ended by a throw. */
  async function drive(generator: Generator<number, string> | AsyncGenerator<number, string>, driven: Action[]) {
    const steps: string[] = [];
    let over = false;
    let failed = false;
    for (const action of driven) {
      try {
        const step = await (action === 'next'
          ? generator.next()
          : action === 'return'
            ? generator.return('told')
            : generator.throw(new Error('told')));
        steps.push(JSON.stringify(step));
        if (step.done === true) over = true;
      } catch (error) {
        steps.push(String(error));
        if (!over) failed = true;
        over = true;
      }
    }
    return { steps, over, failed };
  }
});
