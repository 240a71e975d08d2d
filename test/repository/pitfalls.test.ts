// SPDX-License-Identifier: Apache-2.0
//
// docs/cuda.md names, for each pitfall of CUDA's, the test that covers it or why there is none. Those tests exist.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '..', '..');
const rows = readFileSync(join(root, 'docs', 'cuda.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| P\d+ \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

/** Whether the file has a test of that title: `TEST_F(Suite, Title)` or `it('title'`. */
function hasTest(file: string, title: string): boolean {
  const text = readFileSync(join(root, file), 'utf8');
  if (file.endsWith('.cc')) return new RegExp(`^TEST(_[FP])?\\(\\w+, ${title}\\)`, 'm').test(text);
  return text.includes(`it('${title}'`) || text.includes(`test('${title}'`);
}

describe('the pitfalls of CUDA', () => {
  it('are all listed, in order', () => {
    expect(rows.map((cells) => cells[1])).toEqual(Array.from({ length: 38 }, (_, i) => `P${i + 1}`));
  });

  it.each(rows.map((cells) => [cells[1], cells[4]]))('%s names a test that exists, or why there is none', (_, cell) => {
    const named = /^`(\S+)`: `([^`]+)`$/.exec(cell ?? '');
    if (named === null) expect(cell).toMatch(/^no test: \S+/);
    else expect(hasTest(named[1] ?? '', named[2] ?? '')).toBe(true);
  });

  it('would notice a title that no test has', () => {
    expect(hasTest('native/test/cuda/calls_test.cc', 'NoSuchTitle')).toBe(false);
  });
});
