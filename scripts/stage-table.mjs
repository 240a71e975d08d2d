// SPDX-License-Identifier: Apache-2.0
//
// The tables of docs/stages.md out of the catalogue. Called by scripts/write-docs.mjs.
import { CATALOGUE } from 'gpuspan/stages';

/** The stages or events of a group, one a row. @param {string} group an export of `gpuspan/stages` */
export function renderStages(group) {
  const entries = CATALOGUE.filter((entry) => entry.group === group);
  if (entries.length === 0) throw new Error(`the catalogue has no group ${group}`);
  const rows = entries.map(({ name, level, meaning, sglang }) => [
    `\`${name}\``,
    level,
    meaning,
    sglang === undefined ? 'not traced' : 'same',
  ]);
  const head = [entries[0].kind, 'level', 'meaning', 'in SGLang'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
