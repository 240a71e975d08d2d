// SPDX-License-Identifier: Apache-2.0
//
// The losses that worker spans tell: each has its lane's counts so far, so a lane's loss is the greatest that was
// seen, and the file's is the sum over lanes. Filled by the summary. Pure.
import type { ReceivedSpan } from '../../testing/otlp-json';
import { numberOf, textOf } from './classify';

const PREFIX = 'gpuspan.lost.';
/** Beyond it, counts of further lanes and reasons are not kept. */
const MAX_COUNTS = 20_000;

export class Losses {
  /** By lane and reason. */
  readonly #counts = new Map<string, { readonly reason: string; count: number }>();

  add(span: ReceivedSpan): void {
    for (const key of Object.keys(span.attributes)) {
      if (!key.startsWith(PREFIX)) continue;
      const count = numberOf(span, key);
      if (count !== undefined && count > 0) this.#raise(laneOf(span), key.slice(PREFIX.length), count);
    }
  }

  /** By reason, largest first. */
  byReason(): Record<string, number> {
    const sums = new Map<string, number>();
    for (const { reason, count } of this.#counts.values()) sums.set(reason, (sums.get(reason) ?? 0) + count);
    return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a));
  }

  #raise(lane: string, reason: string, count: number): void {
    const key = `${lane}\n${reason}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count = Math.max(known.count, count);
    else if (this.#counts.size < MAX_COUNTS) this.#counts.set(key, { reason, count });
  }
}

function laneOf({ resource, attributes }: ReceivedSpan): string {
  const parts = [textOf(resource, 'host.id'), textOf(resource, 'process.pid'), textOf(attributes, 'thread.id')];
  return parts.join('\n');
}
