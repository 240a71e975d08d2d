// SPDX-License-Identifier: Apache-2.0
//
// Stages and events as data: what is refused, and what the addon is told. Runs on a fake addon.
import { afterEach, expect, it, vi } from 'vitest';
import { bindDeclarations, defineEvents, defineStages } from '../../lib/stage';
import { FakeNative } from './fake-native';

afterEach(() => vi.restoreAllMocks());

const STAGE_ERROR = expect.objectContaining({ name: 'GpuspanError', code: 'GPUSPAN_STAGE' });

it('gives one object for a stage that is declared twice the same', () => {
  const first = defineStages('twice', { a: { level: 1 }, b: { level: 2 } });
  const second = defineStages('twice', { b: { level: 2 } });
  expect(second.b).toBe(first.b);
  expect(first.a).toMatchObject({ module: 'twice', name: 'a', level: 1 });
});

it('refuses a stage that is declared twice differently, and declares nothing then', () => {
  defineStages('clash', { a: { level: 1 } });
  expect(() => defineStages('clash', { fresh: { level: 1 }, a: { level: 2 } })).toThrow(STAGE_ERROR);
  expect(defineStages('clash', { fresh: { level: 3 } }).fresh.level).toBe(3);
});

it('keeps modules apart, and stages apart from events', () => {
  const here = defineStages('here', { a: { level: 1 } });
  expect(defineStages('there', { a: { level: 2 } }).a).not.toBe(here.a);
  expect(defineEvents('here', { a: { level: 4 } }).a.level).toBe(4);
});

it('refuses bad levels and names', () => {
  for (const level of [0, 5, 1.5, '1', undefined, null] as never[]) {
    expect(() => defineStages('bad', { a: { level } })).toThrow(STAGE_ERROR);
  }
  for (const declarations of [undefined, null, 'a', { a: undefined }, { a: 1 }] as never[]) {
    expect(() => defineEvents('bad', declarations)).toThrow(STAGE_ERROR);
  }
  for (const name of ['', 'x'.repeat(256), 'é'.repeat(128), 'a\0b']) {
    expect(() => defineStages(name, { a: { level: 1 } })).toThrow(STAGE_ERROR);
    expect(() => defineStages('bad', { [name]: { level: 1 } })).toThrow(STAGE_ERROR);
  }
  expect(() => defineStages(7 as never, {})).toThrow(STAGE_ERROR);
});

it('interns what was declared before and after the tracer started, and closes the gate of modules that are off', () => {
  const fake = new FakeNative();
  const before = defineStages('early', { one: { level: 1 } });
  bindDeclarations(fake.native, new Set(['early']));
  const after = defineStages('late', { two: { level: 2 } });
  expect(fake.names).toEqual(expect.arrayContaining(['early', 'one', 'late', 'two']));
  expect([before.one.gate, after.two.gate]).toEqual([1, 255]);
});

it('warns, and does not throw, when another place of the process declared another level', () => {
  const warning = vi.spyOn(process, 'emitWarning').mockReturnValue();
  const fake = new FakeNative();
  fake.foreign.set('shared', 4);
  bindDeclarations(fake.native, undefined);
  const { shared } = defineStages('conflict', { shared: { level: 1 } });
  expect(shared.gate).toBe(1);
  expect(warning).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("'conflict.shared'"), 'GpuspanWarning');
});
