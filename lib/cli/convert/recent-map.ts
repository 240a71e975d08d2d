// SPDX-License-Identifier: Apache-2.0
//
// A map that remembers at least its newest entries and at most twice as many. In two halves, since a map that loses its
// oldest entry again and again spends its time on finding it. Used by the sweep. Pure.

export class RecentMap<K, V> {
  readonly #limit: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** Remembers the `limit` newest entries. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#limit) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
