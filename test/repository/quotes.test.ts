// SPDX-License-Identifier: Apache-2.0
//
// What the documents quote (code, its output, bench tables) is what the files say now.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { QUOTING_DOCUMENTS, withQuotes } from '../../scripts/write-docs.mjs';

const root = join(__dirname, '..', '..');

describe('documents', () => {
  it.each(QUOTING_DOCUMENTS)('%s quotes samples, outputs and results as they are', (document) => {
    const text = readFileSync(join(root, document), 'utf8');
    expect(withQuotes(text)).toBe(text);
  });

  it('notices a quote that is out of date', () => {
    const stale = '<!-- sample examples/first-trace/first-trace.mjs -->\nold\n<!-- end -->';
    expect(withQuotes(stale)).toContain("from 'gpuspan'");
  });
});
