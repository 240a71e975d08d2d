// SPDX-License-Identifier: Apache-2.0
//
// What the device computes, in plain JavaScript: the truth that the device's results are checked against.

import { DIMENSIONS, mix, NOISE } from './model.mjs';

/**
 * For each hidden vector the row of `weights` whose score plus noise is highest, the first of equals.
 *
 * @param {Pick<import('./model.mjs').Model, 'weights' | 'noise'>} model
 * @param {Int8Array} hidden
 * @param {Uint32Array} seeds
 */
export function pickRows({ weights, noise }, hidden, seeds) {
  return Int32Array.from(seeds, (seed, i) => {
    const vector = hidden.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
    let [best, highest] = [-1, -Infinity];
    for (let row = 0; row * DIMENSIONS < weights.length; row++) {
      const score = product(weights, row * DIMENSIONS, vector) + noise[mix(seed + row) % NOISE];
      if (score > highest) [best, highest] = [row, score];
    }
    return best;
  });
}

function product(weights, offset, vector) {
  let sum = 0;
  for (let k = 0; k < DIMENSIONS; k++) sum = (sum + weights[offset + k] * vector[k]) | 0;
  return sum;
}

/**
 * Continues `prompt` one token at a time: no batch, no drafts.
 *
 * @param {import('./model.mjs').Model} model
 * @param {number[]} prompt
 * @param {number} maxTokens
 * @param {number} seed
 */
export function continueText(model, prompt, maxTokens, seed) {
  const tokens = [...prompt];
  const hidden = new Int8Array(DIMENSIONS);
  while (tokens.length < prompt.length + maxTokens) {
    model.embed(tokens, tokens.length, hidden);
    const [row] = pickRows(model, hidden, Uint32Array.of(rowSeed(seed, tokens.length)));
    tokens.push(model.tokenAt(row));
  }
  return tokens.slice(prompt.length);
}

/** The seed of the noise for the token at `position`: the same in whatever batch it is computed. */
export function rowSeed(seed, position) {
  return mix(mix(seed) + position);
}
