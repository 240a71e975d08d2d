// SPDX-License-Identifier: Apache-2.0
//
// A report as one HTML file that works without a network: style, program and data are in it, and its policy lets the
// browser fetch and run nothing else. The program is page/, compiled; its modules are put one behind the other, with
// the smallest `require` that joins them. Called by `gpuspan report --html`.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Report } from './make-report';
import { pageData } from './page-data';

const PAGE = join(__dirname, 'page');
const ENTRY = join(PAGE, 'main.js');
const STYLES = ['base.css', 'overview.css', 'workbench.css'];
const REQUIRED = /\brequire\("(\.[^"]+)"\)/g;

const { version } = require('../../../package.json') as { version: string };

export function reportHtml(report: Report): string {
  const style = STYLES.map((name) => readFileSync(join(PAGE, 'style', name), 'utf8')).join('\n');
  const program = joinModules(ENTRY);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(program)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    '<link rel="icon" href="data:,">',
    '<title>gpuspan report</title>',
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<div id="app"><noscript>This report draws itself with JavaScript, which is off here.</noscript></div>',
    `<script type="application/json" id="data">${scriptJson(pageData(report, `gpuspan ${version}`))}</script>`,
    `<script>${program}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** JSON in which nothing ends a script element or begins a comment, whatever the texts of a trace say. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** The CommonJS module `entry` and what it requires as one script. */
function joinModules(entry: string): string {
  const modules = new Map<string, string>();
  const add = (file: string): string => {
    const name = relative(PAGE, file);
    if (modules.has(name)) return name;
    modules.set(name, '');
    const source = readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/gm, '');
    const own = source.replace(
      REQUIRED,
      (_, path: string) => `require(${JSON.stringify(add(join(dirname(file), `${path}.js`)))})`,
    );
    modules.set(name, own);
    return name;
  };
  const first = add(entry);
  const functions = [...modules].map(([name, source]) => `${JSON.stringify(name)}(exports, require) {${source}\n}`);
  return `'use strict';
const modules = {${functions.join(',\n')}};
const loaded = {};
function load(name) {
  if (loaded[name] === undefined) modules[name]((loaded[name] = {}), load);
  return loaded[name];
}
load(${JSON.stringify(first)});
`;
}
