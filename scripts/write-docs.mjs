// SPDX-License-Identifier: Apache-2.0
//
// Fills what the Markdown files quote from elsewhere, so that nothing is typed twice: between the markers
//   <!-- sample FILE -->   the file's code, without its header comment
//   <!-- output FILE -->   what that program prints with GPUSPAN=1
//   <!-- bench FILE -->    the table of a stored bench result
//   <!-- load FILE -->    a stored result of `npm run load`
//   <!-- truth FILE -->    a stored result of the truth test on PoCL
//   <!-- worlds FILE -->   a stored result of the simulated worlds
//   <!-- stages GROUP -->  a group of the stage catalogue
//   <!-- sizing FILE -->   what a worker carries by a stored bench result
// and <!-- end -->. `--check` changes nothing and fails when a quote is out of date: lint and a test call it.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { renderTable } from '../bench/table.mjs';
import { ROOT } from './fresh.mjs';
import { renderLoad } from './load-table.mjs';
import { sizing } from './sizing-table.mjs';
import { renderStages } from './stage-table.mjs';
import { renderTruth, renderWorlds } from './truth-table.mjs';

export const QUOTING_DOCUMENTS = [
  'README.md',
  'docs/performance.md',
  'docs/design/device-timers.md',
  'docs/clocks.md',
  'docs/stages.md',
  'docs/deploy.md',
];
const QUOTE = /<!-- (sample|output|bench|load|truth|worlds|stages|sizing) (\S+) -->\n[\s\S]*?<!-- end -->/g;

function fence(language, text) {
  return `\`\`\`${language}\n${text.trim()}\n\`\`\``;
}

function sample(file) {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
  return fence('js', lines.slice(lines.findIndex((line) => !line.startsWith('//'))).join('\n'));
}

function output(file) {
  const environment = Object.entries(process.env).filter(([name]) => !/^(GPUSPAN|OTEL_)/.test(name));
  const env = { ...Object.fromEntries(environment), GPUSPAN: '1' };
  const run = spawnSync(process.execPath, [join(ROOT, file)], { encoding: 'utf8', env });
  if (run.status !== 0) throw new Error(`${file} failed with ${run.status ?? run.signal}: ${run.stderr}`);
  return fence('', run.stdout);
}

function bench(file) {
  return renderTable(JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
}

function load(file) {
  return renderLoad(JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
}

function truth(file) {
  return renderTruth(JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
}

function worlds(file) {
  return renderWorlds(JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
}

const RENDER = { sample, output, bench, load, truth, worlds, stages: renderStages, sizing };

/** The document with every quote as it should be. */
export function withQuotes(text) {
  return text.replace(QUOTE, (_, kind, file) => `<!-- ${kind} ${file} -->\n${RENDER[kind](file)}\n<!-- end -->`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const check = process.argv.includes('--check');
  for (const document of QUOTING_DOCUMENTS) {
    const path = join(ROOT, document);
    const text = readFileSync(path, 'utf8');
    const fresh = withQuotes(text);
    if (fresh === text) continue;
    if (check) {
      console.error(`${document} quotes something that has changed: run node scripts/write-docs.mjs`);
      process.exitCode = 1;
    } else {
      writeFileSync(path, fresh);
    }
  }
}
