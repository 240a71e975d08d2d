// SPDX-License-Identifier: Apache-2.0
//
// The text the model is fitted on: one file, or by default all Markdown of the project around this example. Every
// process reads it for itself and so comes to the same tokens and the same model.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from './tokenizer.mjs';

const PROJECT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const LEAST_WORDS = 100;
const VOCABULARY = 4096;

/** @param {string} [file] */
export function readTokenizer(file) {
  const text = readCorpus(file);
  const tokenizer = new Tokenizer(text, VOCABULARY);
  return { tokenizer, corpus: tokenizer.encode(text) };
}

/** @param {string} [file] @returns {string} */
export function readCorpus(file) {
  const files = file === undefined ? markdownFiles(PROJECT) : [file];
  const text = files.map((path) => prose(readFileSync(path, 'utf8'))).join('\n');
  const words = text.split(/\s+/).length;
  if (words < LEAST_WORDS)
    throw new Error(`the corpus has ${words} words, and the model needs at least ${LEAST_WORDS}`);
  return text;
}

/** In a fixed order, so that every process fits the same model. */
function markdownFiles(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    if (/^(\.|node_modules$|build|dist$)/.test(entry.name)) return [];
    if (entry.isDirectory()) return markdownFiles(join(folder, entry.name));
    return entry.name.endsWith('.md') ? [join(folder, entry.name)] : [];
  });
}

/** Words and their punctuation only, a paragraph a line: markup, code blocks and tables are lost on so small a model. */
function prose(text) {
  return text
    .replace(/^```.*?^```/gms, '')
    .replace(/^\s*\|.*$/gm, '')
    .replace(/https?:\S+|[^\p{L}\p{N}\s.,;:'?!()-]+/gu, '')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n');
}
