// SPDX-License-Identifier: Apache-2.0
//
// Text to token ids and back. The vocabulary is 256 single bytes, so that every text has an encoding, then the
// most frequent pieces (a word, number or run of punctuation, with the space before it) of the corpus. Both
// processes build it from the same corpus and so agree on every id.

/** Tokens below it are single bytes. */
export const BYTES = 256;
const PIECE = / ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+/gu;

export class Tokenizer {
  /** @type {Buffer[]} the bytes of every token */
  #bytes = Array.from({ length: BYTES }, (_, byte) => Buffer.of(byte));
  /** @type {Map<string, number>} */
  #ids = new Map();

  /**
   * @param {string} corpus
   * @param {number} size of the vocabulary, bytes included
   */
  constructor(corpus, size) {
    const counts = new Map();
    for (const [piece] of corpus.matchAll(PIECE)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    const frequent = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, size - BYTES);
    for (const [piece] of frequent) {
      this.#ids.set(piece, this.#bytes.length);
      this.#bytes.push(Buffer.from(piece));
    }
  }

  get size() {
    return this.#bytes.length;
  }

  /** @param {string} text @returns {number[]} */
  encode(text) {
    const tokens = [];
    for (const [piece] of text.matchAll(PIECE)) {
      const id = this.#ids.get(piece);
      if (id === undefined) tokens.push(...Buffer.from(piece));
      else tokens.push(id);
    }
    return tokens;
  }

  /** A stream of text: a character whose bytes are spread over several tokens appears with the last of them. */
  decoder() {
    const utf8 = new TextDecoder();
    return {
      /** @param {number[]} tokens */
      write: (tokens) => utf8.decode(Buffer.concat(tokens.map((token) => this.#bytes[token])), { stream: true }),
      end: () => utf8.decode(),
    };
  }

  /** @param {number[]} tokens */
  decode(tokens) {
    const decoder = this.decoder();
    return decoder.write(tokens) + decoder.end();
  }
}
