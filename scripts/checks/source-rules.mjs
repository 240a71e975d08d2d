// SPDX-License-Identifier: Apache-2.0
//
// Rules that no formatter knows: the licence line and header comment, file sizes and names, explicit memory orders
// in the core, leftovers. Called by scripts/lint.mjs; test/repository/ has a file that breaks each.
import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { listFiles } from '../fresh.mjs';

const SOURCES = ['lib', 'native', 'test', 'bench', 'scripts', 'examples'];
const SOURCE_FILE = /\.(ts|mts|cts|js|mjs|cjs|h|cc|c|cu)$/;
const TEST_FILE = /^(test|native\/test)\//;
const MAX_LINES = 400;
const MAX_TEST_LINES = 600;
const VAGUE_NAMES = /(^|[-_.])(utils?|helpers?|common|misc)([-_.]|$)/;

function headerProblem(lines) {
  const start = lines[0]?.startsWith('#!') ? 1 : 0;
  if (!/^(\/\/|\/\*) SPDX-License-Identifier: Apache-2\.0/.test(lines[start] ?? '')) {
    return 'does not start with the SPDX line';
  }
  const comment = lines.slice(start + 1, start + 4).some((line) => /^(\/\/| \*) \S/.test(line));
  return comment ? undefined : 'has no header comment (what this is, who calls it)';
}

/** The problems of one file, given its path relative to the root. */
export function problemsOf(path, text) {
  const lines = text.trimEnd().split('\n');
  const limit = TEST_FILE.test(path) ? MAX_TEST_LINES : MAX_LINES;
  const problems = [headerProblem(lines)];
  if (lines.length > limit) problems.push(`has ${lines.length} lines, the limit is ${limit}`);
  if (VAGUE_NAMES.test(basename(path))) problems.push('has a name that names no idea');
  const find = (pattern, what) => {
    const index = lines.findIndex((line) => pattern.test(line));
    if (index !== -1) problems.push(`line ${index + 1}: ${what}`);
  };
  find(/\b(TODO|FIXME|XXX)\b/, 'is a leftover');
  if (/^native\/(core|gpu)\//.test(path)) find(/\.load\(\)|\.store\([^,()]+\);/, 'names no memory order');
  return problems.filter((problem) => problem !== undefined).map((problem) => `${path}: ${problem}`);
}

/** One line for each broken rule in the sources under `root`. */
export function checkSources(root) {
  return listFiles(SOURCES, root)
    .map((file) => relative(root, file))
    .filter((path) => SOURCE_FILE.test(path) && path !== 'scripts/checks/source-rules.mjs')
    .flatMap((path) => problemsOf(path, readFileSync(`${root}/${path}`, 'utf8')));
}
