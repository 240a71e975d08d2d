// SPDX-License-Identifier: Apache-2.0
//
// Requests that the program forgot, with the real addon: closed and flagged after the TTL, by the next start or by a
// timer, and never reached again through the object that the program may still have.
import { setTimeout as passed } from 'node:timers/promises';
import { defineStages, type Request } from 'gpuspan';
import { beforeEach, describe, expect, it } from 'vitest';
import { growthLimit } from '../process-memory';
import { isUnfinished, startExported } from './exported';

const TTL = 1_000;
const stages = defineStages('forgotten', { one: { level: 1 } });
const { tracer, spans, named, clear } = startExported({ requestTtlMillis: TTL });

beforeEach(clear);

const isExpired = (span: { attributes: object }) => (span.attributes as Record<string, unknown>)['gpuspan.expired'];

/** The TTL itself is what passes here, and the part of it by which an entry may be found late. */
const outlive = () => passed(TTL * 1.25);

describe('a request that the program forgot', () => {
  it('is closed and flagged after its TTL, with what it had open', async () => {
    const request = tracer.request({ name: 'lost', id: 'r' });
    request.begin(stages.one);
    await outlive();
    tracer.request({ name: 'other' }).finish();
    const root = await named('lost');
    expect([isExpired(root), isUnfinished(root), root.attributes['rid']]).toEqual([true, true, 'r']);
    expect([isExpired(await named('Worker')), isUnfinished(await named('one'))]).toEqual([true, true]);
    expect(isExpired(await named('one'))).toBeUndefined();
    expect(isExpired(await named('other'))).toBeUndefined();
  });

  it('is closed without another request, by the timer of its thread', async () => {
    tracer.request({ name: 'alone' });
    await expect.poll(async () => (await spans()).map((span) => span.name), { timeout: 10_000 }).toContain('alone');
  });

  it('can no longer be reached: what is called on it is a counted loss, and touches nothing of its successor', async () => {
    const old = tracer.request({ name: 'old' });
    await outlive();
    const successor = tracer.request({ name: 'successor' });
    const before = tracer.stats().lost['closed'] ?? 0;
    expect(old.begin(stages.one)).toBe(0);
    old.setAttributes({ wrong: true });
    old.finish({ attributes: { wrong: true } });
    expect((tracer.stats().lost['closed'] ?? 0) - before).toBe(3);
    successor.end(successor.begin(stages.one));
    successor.finish();
    const root = await named('successor');
    expect([root.attributes['wrong'], isExpired(root)]).toEqual([undefined, undefined]);
    expect((await spans()).filter((span) => span.name === 'one')).toHaveLength(1);
  });

  it('is passed over by a batch, which loses neither its other members nor its attributes', async () => {
    const forgotten = ['first', 'second', 'third'].map((name) => tracer.request({ name }));
    await outlive();
    // One of the three has lost its place to another by now; the others are closed, which only the addon knows.
    const members = [tracer.request()];
    const before = tracer.stats().lost['closed'] ?? 0;
    const batch = tracer.batch([...forgotten, ...members], { attributes: { mode: 'decode' } });
    expect((tracer.stats().lost['closed'] ?? 0) - before).toBe(3);
    expect(forgotten.map((request) => request.begin(stages.one))).toEqual([0, 0, 0]);
    batch.endSlice(batch.begin(stages.one), {}, { step: [0, 0, 0, 7] });
    batch.end();
    for (const request of members) request.finish();
    const exported = await spans();
    const root = exported.find((span) => span.name === 'batch')!;
    expect(root.attributes).toMatchObject({ mode: 'decode', 'gpuspan.batch.size': 1 });
    const steps = exported.flatMap(({ name, attributes }) => (name === 'one' ? [attributes['step']] : []));
    expect(steps).toContain(7);
    expect(steps).not.toContain(0);
  });

  it('lives as long as it gives signs of life', async () => {
    let attempts = 0;
    do {
      await clear();
      attempts++;
    } while (!(await givesSignsOfLife(tracer.request({ name: `alive ${attempts}` }))));
    expect(isExpired(await named(`alive ${attempts}`))).toBeUndefined();
  });
});

/** Longer than the TTL in all, and far from it each time; false: the machine is too busy, one of them came too late. */
async function givesSignsOfLife(request: Request): Promise<boolean> {
  let last = performance.now();
  let inTime = true;
  for (let i = 0; i < 5 && inTime; i++) {
    await passed(TTL / 4);
    inTime = performance.now() - last < TTL * 0.9;
    last = performance.now();
    request.end(request.begin(stages.one));
    tracer.request({ name: 'other' }).finish();
  }
  request.finish();
  return inTime;
}

describe('a million of them', () => {
  it('leaves memory flat, and the next request after the TTL is traced in full', async () => {
    const abandon = async (requests: number) => {
      for (let i = 0; i < requests; i++) {
        const request = tracer.request({ id: `r${i}` });
        request.begin(stages.one);
        if (i % 10_000 === 0) await clear();
      }
      await clear();
    };
    await abandon(100_000);
    const before = process.memoryUsage().rss;
    await abandon(1_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(growthLimit(48));
    await outlive();
    await clear();
    const request = tracer.request({ name: 'after' });
    request.end(request.begin(stages.one), { whole: true });
    request.finish();
    expect(isExpired(await named('after'))).toBeUndefined();
    const own = (await spans()).filter((span) => span.spanContext().traceId === request.carrier()?.trace);
    expect(own.map((span) => span.name).sort()).toEqual(['Worker', 'after', 'one']);
    expect(own.some(isUnfinished)).toBe(false);
  }, 600_000);
});
