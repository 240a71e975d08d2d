// SPDX-License-Identifier: Apache-2.0
//
// The result of a bench run as Markdown: printed by bench/run.mjs, and from a stored result with
// `node bench/table.mjs bench/results/FILE.json`. The docs quote stored results through scripts/write-docs.mjs.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

function format(value) {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(value < 10 ? 2 : 3);
}

function formatRatio(ratio) {
  return ratio > 0 && ratio < 0.1 ? `1/${format(1 / ratio)}` : `${format(ratio)}x`;
}

function cells({ id, what, unit, median, p99, reference, ratio }) {
  return [
    id,
    what,
    `${format(median)} ${unit}`,
    `${format(p99)} ${unit}`,
    reference.what,
    `${format(reference.median)} ${unit}`,
    formatRatio(ratio),
  ];
}

/** The whole result as text: the machine, then one line a row. */
export function renderTable({ machine, node, versions, clock, rows }) {
  const header = ['id', 'what', 'median', 'p99', 'reference', 'its median', 'ratio'];
  const lines = [header, ...rows.map(cells)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const draw = (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const facts = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}; Node ${node}; clock ${clock}; ${machine.compiler}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ];
  return [...facts, '', draw(header), rule, ...lines.slice(1).map(draw)].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(renderTable(JSON.parse(readFileSync(process.argv[2], 'utf8'))));
}
