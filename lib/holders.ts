// SPDX-License-Identifier: Apache-2.0
//
// Which object of JavaScript holds which entry of the lane's tables. The addon may close a request or a batch on its own
// (its program forgot it; its last member left) and give the entry to another: calls through the old object must not
// reach that one. One a kind and environment; called when an entry is taken, never on the hot path.

/** Something that holds an entry. */
export interface Holder {
  /** Another has its place: all that is still called on it counts as after the end. */
  supersede(): void;
}

/** Holders by index of their entry. */
export class Holders {
  private readonly held: (Holder | undefined)[] = [];

  /** `holder` has the entry from now on. */
  take<T extends Holder>(index: number, holder: T): T {
    this.held[index]?.supersede();
    this.held[index] = holder;
    return holder;
  }

  /** Its holder has ended by itself and is to be kept no longer. */
  drop(index: number): void {
    this.held[index] = undefined;
  }
}
