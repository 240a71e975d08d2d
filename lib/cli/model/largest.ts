// SPDX-License-Identifier: Apache-2.0
//
// Keeps the largest of a stream of items in bounded memory: the slowest requests of `gpuspan report`. Pure.

export class Largest<Item> {
  readonly #limit: number;
  readonly #size: (item: Item) => number;
  #items: Item[] = [];
  #count = 0;

  constructor(limit: number, size: (item: Item) => number) {
    this.#limit = limit;
    this.#size = size;
  }

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  add(item: Item): void {
    this.#count++;
    this.#items.push(item);
    if (this.#items.length >= 2 * this.#limit + 64) this.#items = this.items();
  }

  /** Largest first; of equals, the one that came first. */
  items(): Item[] {
    return [...this.#items].sort((a, b) => this.#size(b) - this.#size(a)).slice(0, this.#limit);
  }
}
