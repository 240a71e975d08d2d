// SPDX-License-Identifier: Apache-2.0
//
// What a worker carries, from the JSON that `npm run bench` writes, as Markdown: CPU of its threads, bytes to the agent and
// how long its rings last. Used by scripts/write-docs.mjs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './fresh.mjs';

const RATES = [1_000, 10_000, 100_000];
const RING_SLOTS = 65_536;
/** Leaves may fill so much of a ring. */
const LEAF_SHARE = 7 / 8;
const NANOS = 1e9;

const percent = (share) => `${(share * 100).toPrecision(2)} %`;
const megabytes = (bytes) => `${(bytes / 1e6).toPrecision(2)} MB/s`;
const seconds = (value) => `${value >= 10 ? Math.round(value) : value.toFixed(1)} s`;

/** One line a rate, for plain slices of one recording thread. */
export function renderSizing(result) {
  const row = (id) => result.rows.find((found) => found.id === id);
  const bytes = row('bytes.slice').reference.median;
  const lines = RATES.map((rate) => [
    rate.toLocaleString('en'),
    percent((rate * row('slice.js').median) / NANOS),
    percent((rate * row('otlp.slice').median) / NANOS),
    megabytes(rate * bytes),
    seconds((RING_SLOTS * LEAF_SHARE) / rate),
  ]);
  return [
    '| slices/s of one thread | that thread | delivery thread, encoding | OTLP, not compressed | an outage until slices are lost |',
    '|---|---|---|---|---|',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

/** Of a stored result. */
export const sizing = (file) => renderSizing(JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
