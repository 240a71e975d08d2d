// SPDX-License-Identifier: Apache-2.0
//
// The demo's clients: all requests at once, three of four with a W3C traceparent as a traced caller would send, and
// the same continuations computed by the CPU reference. Called by demo.mjs.

import { randomBytes } from 'node:crypto';
import { readCorpus, readTokenizer } from '../model/corpus.mjs';
import { Model } from '../model/model.mjs';
import { continueText } from '../model/reference.mjs';

const WORDS = 3;
const SHORTEST_SENTENCE = 6;
const LEAST_TOKENS = 8;
const MORE_TOKENS = 25;

/** Jobs that begin like sentences spread over the corpus. */
export function makeJobs(count, corpusFile) {
  const sentences = readCorpus(corpusFile)
    .split(/\n|(?<=[.?!]) /)
    .map((sentence) => sentence.split(' '))
    .filter((words) => words.length >= SHORTEST_SENTENCE && /^\p{Lu}\p{Ll}/u.test(words[0]));
  return Array.from({ length: count }, (_, i) => ({
    prompt: sentences.length === 0 ? 'The' : sentences[(i * 7919) % sentences.length].slice(0, WORDS).join(' '),
    max_tokens: LEAST_TOKENS + ((i * 11) % MORE_TOKENS),
    seed: i,
  }));
}

/** What the answer to a job has to be, computed on the CPU. @returns {(job: object) => string} */
export function makeReference(corpusFile) {
  const { tokenizer, corpus } = readTokenizer(corpusFile);
  const model = new Model(corpus, tokenizer.size);
  return ({ prompt, max_tokens, seed }) =>
    tokenizer.decode(continueText(model, tokenizer.encode(prompt), max_tokens, seed));
}

/** Sends all jobs at once. @returns {Promise<{ status: number, text: string }[]>} */
export function sendJobs(url, jobs) {
  return Promise.all(jobs.map((job, i) => send(url, job, i % 4 === 3 ? {} : { traceparent: traceparent() })));
}

async function send(url, job, headers) {
  try {
    const response = await fetch(`${url}/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(job),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}

function traceparent() {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
