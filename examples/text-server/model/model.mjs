// SPDX-License-Identifier: Apache-2.0
//
// A small language model, fitted when its process starts. The score of a token is the product of its row of
// `weights` and the hidden vector of what precedes it, so the scores of a batch are one matrix product: the
// device's job. Weights are 8-bit integers and sums 32-bit ones, so that every device gives exactly the same tokens.
//
// The hidden vector adds a fixed random vector of +1 and -1 for each of the last one, two and three tokens.

import { BYTES } from './tokenizer.mjs';

/** Length of the hidden vector; a multiple of 32. */
export const DIMENSIONS = 256;
/** Entries of the noise table; a power of two. */
export const NOISE = 1024;

const ORDER_WEIGHTS = [3, 2, 1];
const LONGEST_CORPUS = 40_000;
const NEGATIVES = 6;
const TEMPERATURE = 0.6;
/** Logits per product of a hidden vector with a row of weights. */
const SHARPNESS = 8 / (DIMENSIONS * ORDER_WEIGHTS.reduce((sum, weight) => sum + weight * weight, 0));

/** A hash of 32 bits whose every bit depends on all of `x`. The devices compute the same one. */
export function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

export class Model {
  /** One row of DIMENSIONS for every token that the model can predict: the whole pieces, not the single bytes. */
  weights = new Int8Array();
  /** Random numbers that are added to the scores, so that the token with the highest sum is a sample. */
  noise = new Int32Array(NOISE);
  /** @type {Set<number>} hashes of the contexts of the corpus; others say nothing and are left out */
  #contexts = new Set();
  /** @type {Map<number, number>} the most frequent successor of a token */
  #successors = new Map();

  /**
   * @param {number[]} corpus
   * @param {number} vocabulary
   */
  constructor(corpus, vocabulary) {
    const tokens = corpus.slice(0, LONGEST_CORPUS);
    this.#count(tokens);
    const fitted = this.#fit(tokens, (vocabulary - BYTES) * DIMENSIONS);
    const scale = 25 / Math.sqrt(fitted.reduce((sum, weight) => sum + weight * weight, 0) / fitted.length);
    this.weights = Int8Array.from(fitted, (weight) => Math.max(-127, Math.min(127, Math.round(weight * scale))));
    this.noise = this.noise.map((_, i) => Math.round((gumbel((i + 0.5) / NOISE) * TEMPERATURE * scale) / SHARPNESS));
  }

  /** Writes the hidden vector of the first `length` tokens. @param {number[]} tokens */
  embed(tokens, length, /** @type {Int8Array | Float32Array} */ hidden) {
    hidden.fill(0);
    contexts(tokens, length).forEach((context, order) => {
      if (this.#contexts.has(context)) addSignature(context, ORDER_WEIGHTS[order], hidden);
    });
  }

  /** The token for a row of `weights`. */
  tokenAt(row) {
    return row + BYTES;
  }

  /** A guess at what follows `token`, for drafting; undefined when it never occurred. @param {number} token */
  successor(token) {
    return this.#successors.get(token);
  }

  #count(tokens) {
    const pairs = new Map();
    for (let i = 1; i < tokens.length; i++) {
      for (const context of contexts(tokens, i)) this.#contexts.add(context);
      const counts = pairs.get(tokens[i - 1]) ?? new Map();
      pairs.set(tokens[i - 1], counts.set(tokens[i], (counts.get(tokens[i]) ?? 0) + 1));
    }
    for (const [token, counts] of pairs) {
      this.#successors.set(token, [...counts].reduce((best, pair) => (pair[1] > best[1] ? pair : best))[0]);
    }
  }

  /** One pass of gradient ascent on the softmax over the true token and a few that are drawn from the corpus. */
  #fit(tokens, size) {
    const weights = new Float32Array(size);
    const hidden = new Float32Array(DIMENSIONS);
    const pieces = tokens.filter((token) => token >= BYTES);
    for (let i = 1, draw = 0; i < tokens.length; i++) {
      if (tokens[i] < BYTES) continue;
      this.embed(tokens, i, hidden);
      const candidates = [tokens[i]];
      while (candidates.length <= NEGATIVES) candidates.push(pieces[mix(draw++) % pieces.length]);
      const rows = candidates.map((token) => (token - BYTES) * DIMENSIONS);
      const scores = rows.map((row) => Math.exp(SHARPNESS * product(weights, row, hidden)));
      const total = scores.reduce((sum, score) => sum + score);
      rows.forEach((row, k) => {
        add(weights, row, hidden, (k === 0 ? 1 : 0) - scores[k] / total);
      });
    }
    return weights;
  }
}

/** Hashes of the last one, two, three of the first `length` tokens. */
function contexts(tokens, length) {
  const hashes = [];
  let hash = 0;
  for (let order = 1; order <= Math.min(length, ORDER_WEIGHTS.length); order++) {
    hash = mix(Math.imul(hash, 31) + tokens[length - order] + Math.imul(order, 0x9e3779b9));
    hashes.push(hash);
  }
  return hashes;
}

function addSignature(seed, weight, hidden) {
  for (let i = 0; i < DIMENSIONS; i++) {
    if (i % 32 === 0) seed = mix(seed + 1);
    hidden[i] += (seed >>> (i % 32)) & 1 ? weight : -weight;
  }
}

function product(weights, row, hidden) {
  let sum = 0;
  for (let i = 0; i < DIMENSIONS; i++) sum += weights[row + i] * hidden[i];
  return sum;
}

function add(weights, row, hidden, factor) {
  for (let i = 0; i < DIMENSIONS; i++) weights[row + i] += factor * hidden[i];
}

/** The quantile `p` of the distribution whose maximum over scores plus noise is a draw from their softmax. */
function gumbel(p) {
  return -Math.log(-Math.log(p));
}
