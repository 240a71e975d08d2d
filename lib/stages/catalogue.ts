// SPDX-License-Identifier: Apache-2.0
//
// The catalogue as one table, for tools: what scripts/write-docs.mjs prints and dashboards can be made from.
import type { Level } from '../stage';
import * as entries from './entries';

/** A row of the catalogue. */
export interface CatalogueEntry {
  /** The export of `gpuspan/stages` that holds it. */
  readonly group: string;
  readonly kind: 'stage' | 'event';
  readonly module: string;
  readonly name: string;
  readonly level: Level;
  /** One sentence. */
  readonly meaning: string;
  /** SGLang's name of the same thing; undefined where it does not trace it. */
  readonly sglang: string | undefined;
}

function rows(
  group: string,
  module: string,
  data: Readonly<Record<string, entries.Entry>>,
  kind: CatalogueEntry['kind'] = 'stage',
): CatalogueEntry[] {
  return Object.entries(data).map(([name, { level, meaning, sglang }]) =>
    Object.freeze({ group, kind, module, name, level, meaning, sglang }),
  );
}

/** Every stage and event of `gpuspan/stages`, in the order of its groups. */
export const CATALOGUE: readonly CatalogueEntry[] = Object.freeze([
  ...rows('request', 'request', entries.REQUEST),
  ...rows('prefill', 'request', entries.PREFILL),
  ...rows('decode', 'request', entries.DECODE),
  ...rows('speculative', 'request', entries.SPECULATIVE),
  ...rows('pipeline', 'request', entries.PIPELINE),
  ...rows('gpu', 'gpu', entries.GPU),
  ...rows('kvTransfer', 'mooncake', entries.KV_TRANSFER),
  ...rows('cache', 'hicache', entries.CACHE),
  ...rows('diffusion', 'diffusion', entries.DIFFUSION),
  ...rows('startup', 'startup', entries.STARTUP),
  ...rows('events', 'request', entries.EVENTS, 'event'),
]);
