// SPDX-License-Identifier: Apache-2.0
//
// The example's tokenizer and model: what the service's two processes have to agree on.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCorpus, readTokenizer } from '../../examples/text-server/model/corpus.mjs';
import { Model } from '../../examples/text-server/model/model.mjs';
import { continueText } from '../../examples/text-server/model/reference.mjs';
import { CORPUS, temporaryFolder } from './run-demo';

describe('the tokenizer', () => {
  it('decodes what it encoded, whatever the text', () => {
    const { tokenizer } = readTokenizer(CORPUS);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => tokenizer.decode(tokenizer.encode(text)) === text),
    );
  });

  it('streams a character once its last byte has come', () => {
    const { tokenizer } = readTokenizer(CORPUS);
    const decoder = tokenizer.decoder();
    const pieces = [...Buffer.from('\u{1f600}')].map((byte) => decoder.write([byte]));
    expect(pieces).toEqual(['', '', '', '\u{1f600}']);
  });
});

describe('the model', () => {
  it('is the same each time it is fitted on the same text', () => {
    const { tokenizer, corpus } = readTokenizer(CORPUS);
    const [one, other] = [new Model(corpus, tokenizer.size), new Model(corpus, tokenizer.size)];
    expect(other.weights).toEqual(one.weights);
    expect(other.noise).toEqual(one.noise);
  });

  it('has learned from its text: it continues it better than it continues shuffled words', () => {
    const { tokenizer, corpus } = readTokenizer(CORPUS);
    const model = new Model(corpus, tokenizer.size);
    const right = (tokens: number[]) => {
      const starts = Array.from({ length: 40 }, (_, i) => 10 + i * 5);
      return starts.filter((at) => continueText(model, tokens.slice(0, at), 1, 1)[0] === tokens[at]).length;
    };
    const shuffled = [...corpus].sort((a, b) => ((a * 7919) % 1009) - ((b * 7919) % 1009));
    expect(right(corpus)).toBeGreaterThan(2 * right(shuffled));
  });

  it('refuses a text that is too short to learn from', () => {
    const file = join(temporaryFolder(), 'short.txt');
    writeFileSync(file, 'too short');
    expect(() => readCorpus(file)).toThrow(/the corpus has 2 words/);
  });
});
