// SPDX-License-Identifier: Apache-2.0
//
// Numbers and names that are written in more than one place: error codes and their page, loss reasons and their enum.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_CODES, fromNative, GpuspanError } from '../../lib/errors';
import { Loss } from '../../lib/loss';

const ROOT = join(import.meta.dirname, '../..');

it('documents every error code, with cause and fix, in order', () => {
  const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);
  expect(sections.map((section) => section.split('\n', 1)[0])).toEqual([...ERROR_CODES]);
  for (const section of sections) {
    expect(section).toMatch(/^\*\*Cause:\*\* /m);
    expect(section).toMatch(/^\*\*Fix:\*\* /m);
  }
});

it('uses the addon’s numbers for loss reasons', () => {
  const layout = readFileSync(join(ROOT, 'native/core/layout.h'), 'utf8');
  for (const [name, number] of Object.entries(Loss)) {
    const enumerator = `k${name[0]!.toUpperCase()}${name.slice(1)} = ${number},`;
    expect(layout).toContain(enumerator);
  }
});

it('turns errors of the addon with a known code into the one class, and leaves others alone', () => {
  const native = Object.assign(new Error('no space left'), { code: 'GPUSPAN_SEGMENT' });
  expect(fromNative(native)).toBeInstanceOf(GpuspanError);
  expect(fromNative(native)).toMatchObject({ code: 'GPUSPAN_SEGMENT', message: 'no space left', cause: native });
  const other = Object.assign(new Error('x'), { code: 'ENOENT' });
  expect(fromNative(other)).toBe(other);
  expect(fromNative('x')).toBe('x');
});
