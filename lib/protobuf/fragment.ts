// SPDX-License-Identifier: Apache-2.0
//
// Encoded bytes that are written again and again: a name, a key. Kept as words of four bytes, because a loop over bytes
// costs as much as everything else about a short span. On the reader's thread.

import { ProtobufWriter } from './writer';

const WORD_BYTES = 4;

export interface Fragment {
  /** The bytes in memory order, and zeros up to a whole word. */
  readonly words: Int32Array;
  readonly length: number;
}

/** Bytes beyond its length that `putFragment` may write. */
export const FRAGMENT_SLACK = WORD_BYTES - 1;

/** What `write` writes. */
export function makeFragment(write: (writer: ProtobufWriter) => void): Fragment {
  const writer = new ProtobufWriter();
  write(writer);
  const words = new Int32Array(Math.ceil(writer.at / WORD_BYTES));
  writer.bytes.copy(new Uint8Array(words.buffer), 0, 0, writer.at);
  return { words, length: writer.at };
}

/** Needs room for the length and FRAGMENT_SLACK. */
export function putFragment(writer: ProtobufWriter, { words, length }: Fragment): void {
  const { view, at } = writer;
  for (let index = 0; index < words.length; index++) view.setInt32(at + index * WORD_BYTES, words[index]!, true);
  writer.at = at + length;
}
