// SPDX-License-Identifier: Apache-2.0
//
// Writes the ESM entries: for each entry of the CommonJS build a .mjs that re-exports its names, and its types. One
// copy of the code serves both kinds of import, so a process has one tracer however it is loaded.
// Run by scripts/setup.mjs after tsc.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const require = createRequire(import.meta.url);

function writeEntry(name) {
  const file = `./${name.split('/').pop()}.js`;
  const names = Object.keys(require(join(DIST, `${name}.js`))).sort();
  const list = names.join(', ');
  // One without names is there for what importing it does.
  const text =
    list === '' ? `import '${file}';\n` : `import entry from '${file}';\n\nexport const { ${list} } = entry;\n`;
  writeFileSync(join(DIST, `${name}.mjs`), text);
  // Types have no copies to worry about, and this keeps those that have no value.
  writeFileSync(join(DIST, `${name}.d.mts`), `export * from '${file}';\n`);
}

for (const name of ['index', 'carrier', 'testing/index', 'stages/index', 'sglang/index', 'otel/index', 'register'])
  writeEntry(name);
