// SPDX-License-Identifier: Apache-2.0
//
// `stage.wrap(fn)` and the ambient request that it records on: `request.run` and `tracer.current` across awaits, timers
// and nested runs.
import { setImmediate as nextTurn, setTimeout as later } from 'node:timers/promises';
import { SpanStatusCode } from '@opentelemetry/api';
import { defineStages, type Request } from 'gpuspan';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf, isUnfinished, parentOf, startExported } from './exported';

const stages = defineStages('wrapped', { work: { level: 1 }, part: { level: 2 }, detail: { level: 4 } });
/** Wrapped before the tracer starts, as a module does at its top. */
const early = stages.work.wrap(() => 'early');
const { tracer, spans, named, clear } = startExported();

beforeEach(clear);
afterAll(() => tracer.shutdown());

/** Runs `body` with a request of its own as the ambient one, and finishes it. */
async function within<T>(body: (request: Request) => T): Promise<Awaited<T>> {
  const request = tracer.request();
  try {
    return await request.run(() => body(request));
  } finally {
    request.finish();
  }
}

describe('a wrapped function', () => {
  it('records a slice of the ambient request, with what it calls inside', async () => {
    const part = stages.part.wrap((n: number) => n + 1);
    const work = stages.work.wrap((n: number) => part(n) * 2);
    expect(await within(() => work(2))).toBe(6);
    expect(parentOf(await named('part'))).toBe(idOf(await named('work')));
  });

  it('keeps this, arguments, name and length', async () => {
    class Adder {
      constructor(readonly base: number) {}
      add = stages.work.wrap(function plus(this: Adder, a: number, b: number) {
        return this.base + a + b;
      });
    }
    const adder = new Adder(100);
    expect(await within(() => adder.add(10, 1))).toBe(111);
    expect([adder.add.name, adder.add.length]).toEqual(['plus', 2]);
    expect(await within(() => stages.work.wrap((...all: number[]) => all)(1, 2, 3))).toEqual([1, 2, 3]);
  });

  it('ends when the promise of an asynchronous one settles, and has error status when that rejects', async () => {
    const work = stages.work.wrap(async (fails: boolean) => {
      await nextTurn();
      tracer.current().end(tracer.current().begin(stages.part));
      if (fails) throw new RangeError('too long');
      return 'text';
    });
    expect(await within(() => work(false))).toBe('text');
    expect(parentOf(await named('part'))).toBe(idOf(await named('work')));
    await clear();
    await expect(within(() => work(true))).rejects.toThrow('too long');
    expect((await named('work')).status).toEqual({ code: SpanStatusCode.ERROR, message: 'too long' });
  });

  it('passes a throw on, with error status', async () => {
    const work = stages.work.wrap(() => {
      throw new Error('at once');
    });
    await expect(within(() => work())).rejects.toThrow('at once');
    expect((await named('work')).status.message).toBe('at once');
  });

  it('spans the life of a generator, on the request that was ambient at the call', async () => {
    const tokens = stages.work.wrap(function* (n: number) {
      for (let i = 0; i < n; i++) yield i;
    });
    const later = stages.part.wrap(async function* (n: number) {
      for (let i = 0; i < n; i++) yield i;
    });
    const request = tracer.request();
    const iterator = request.run(() => tokens(3));
    const slow = request.run(() => later(3));
    // Consumed outside of the run.
    expect([...iterator]).toEqual([0, 1, 2]);
    for await (const _ of slow) break;
    request.finish();
    expect([isUnfinished(await named('work')), isUnfinished(await named('part'))]).toEqual([false, false]);
  });

  it('is of the same kind for those who ask', () => {
    const asynchronous = stages.work.wrap(async () => {});
    const generator = stages.work.wrap(function* () {});
    expect([asynchronous.constructor.name, generator.constructor.name]).toEqual(['AsyncFunction', 'GeneratorFunction']);
  });

  it('just runs outside of a request, above its level, and after its end', async () => {
    expect(early()).toBe('early');
    expect(await within(() => stages.detail.wrap(() => 'detail')())).toBe('detail');
    const unsampled = tracer.request({ headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00` } });
    expect(unsampled.run(early)).toBe('early');
    expect((await spans()).filter(({ name }) => name === 'work' || name === 'detail')).toEqual([]);
    const ended = tracer.request();
    ended.finish();
    expect(ended.run(early)).toBe('early');
    expect((await spans()).filter(({ name }) => name === 'work')).toEqual([]);
  });

  it('records when it was wrapped before the tracer started', async () => {
    expect(await within(early)).toBe('early');
    expect((await named('work')).attributes).toEqual({});
  });

  it('cannot be called with new, and is refused for what is no function', () => {
    const constructible = stages.work.wrap(function Old() {});
    expect(() => Reflect.construct(constructible, [])).toThrow(TypeError);
    const refused = expect.objectContaining({
      code: 'GPUSPAN_STAGE',
      message: expect.stringContaining('wrapped.work'),
    });
    for (const bad of [undefined, null, {}, 'f']) expect(() => stages.work.wrap(bad as never)).toThrow(refused);
  });
});

describe('the ambient request', () => {
  it('is found across awaits, timers, microtasks and ticks', async () => {
    await within(async (request) => {
      expect(tracer.current()).toBe(request);
      await later(1);
      expect(tracer.current()).toBe(request);
      await nextTurn();
      expect(await new Promise((resolve) => queueMicrotask(() => resolve(tracer.current())))).toBe(request);
      expect(await new Promise((resolve) => setTimeout(() => resolve(tracer.current()), 1))).toBe(request);
      expect(await new Promise((resolve) => process.nextTick(() => resolve(tracer.current())))).toBe(request);
    });
  });

  it('is the innermost of nested runs, and the outer one again after', async () => {
    await within(async (outer) => {
      await within(async (inner) => {
        await nextTurn();
        expect(tracer.current()).toBe(inner);
      });
      expect(tracer.current()).toBe(outer);
    });
    expect(tracer.current().level).toBe(-1);
  });

  it('is each of many concurrent ones their own', async () => {
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        within(async (request) => {
          for (let i = 0; i < index % 5; i++) await nextTurn();
          return tracer.current() === request;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 50 }, () => true));
  });

  it('hides an outer one where an inert request runs', async () => {
    await within(() => {
      const unsampled = tracer.request({ headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00` } });
      expect(unsampled.run(() => tracer.current())).toBe(unsampled);
    });
  });
});
