// SPDX-License-Identifier: Apache-2.0
//
// Every top folder, and every folder of native/, has a short README that says what lives there and what it may
// include. Called by scripts/lint.mjs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TOP_FOLDERS = ['native', 'lib', 'test', 'bench', 'examples', 'docs'];
const MAX_LINES = 40;

function foldersOf(root) {
  const native = join(root, 'native');
  const parts = existsSync(native) ? readdirSync(native, { withFileTypes: true }) : [];
  const own = parts.filter((entry) => entry.isDirectory()).map((entry) => `native/${entry.name}`);
  return [...TOP_FOLDERS.filter((folder) => existsSync(join(root, folder))), ...own];
}

/** One line for each folder whose README is missing or too long. */
export function checkFolderReadmes(root) {
  const problems = [];
  for (const folder of foldersOf(root)) {
    const readme = join(root, folder, 'README.md');
    if (!existsSync(readme)) problems.push(`${folder}/ has no README.md`);
    else if (readFileSync(readme, 'utf8').trimEnd().split('\n').length > MAX_LINES) {
      problems.push(`${folder}/README.md has more than ${MAX_LINES} lines`);
    }
  }
  return problems;
}
