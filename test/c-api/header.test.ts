// SPDX-License-Identifier: Apache-2.0
//
// gpuspan.h and the samples of docs/c-api.md against compilers: pedantic C and C++, and what a pair that is off costs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ROOT } from '../native-addon/addon';

const folder = mkdtempSync(join(tmpdir(), 'gpuspan-header-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FLAGS = [
  '-O2',
  '-fPIC',
  '-Wall',
  '-Wextra',
  '-Wpedantic',
  '-Wconversion',
  '-Werror',
  `-I${join(ROOT, 'native', 'include')}`,
];
const LANGUAGES = [
  ['gcc', 'c', 'c99'],
  ['gcc', 'c', 'gnu11'],
  ['gcc', 'c', 'c17'],
  ['g++', 'c++', 'c++11'],
  ['g++', 'c++', 'c++20'],
] as const;
const SAMPLES = [...readFileSync(join(ROOT, 'docs', 'c-api.md'), 'utf8').matchAll(/```c\n([\s\S]*?)```/g)];

/** What the compiler says about `source`; '' when it accepts it. The object is left in the folder. */
function compile(compiler: string, language: string, standard: string, source: string): string {
  const file = join(folder, 'source.txt');
  writeFileSync(file, source);
  const object = join(folder, 'object.o');
  const options = [...FLAGS, '-x', language, `-std=${standard}`, '-c', file, '-o', object];
  return spawnSync(compiler, options, { encoding: 'utf8' }).stderr;
}

it.each(LANGUAGES)('%s takes the header as %s, %s, without warnings', (compiler, language, standard) => {
  expect(compile(compiler, language, standard, '#include <gpuspan.h>\nint gpuspan_is_included;\n')).toBe('');
});

it.each(LANGUAGES)(
  '%s takes the samples of docs/c-api.md as %s, %s, without warnings',
  (compiler, language, standard) => {
    expect(SAMPLES).toHaveLength(2);
    for (const [, sample] of SAMPLES) expect(compile(compiler, language, standard, sample ?? '')).toBe('');
  },
);

/** The mnemonics of the function `off` in `source`, up to its first return. */
function offPath(source: string): string[] {
  expect(compile('gcc', 'c', 'gnu11', source)).toBe('');
  const listing = execFileSync('objdump', ['-d', '--no-show-raw-insn', '--disassemble=off', join(folder, 'object.o')], {
    encoding: 'utf8',
  });
  const instructions = [...listing.matchAll(/^\s+[0-9a-f]+:\s+(\w+)/gm)].map(([, name]) => name ?? '');
  return instructions.slice(0, instructions.indexOf('ret'));
}

it.skipIf(process.arch !== 'x64')('costs a compare and a jump for a pair that is off', () => {
  const off = offPath(`
    #include <gpuspan.h>
    void off(gpuspan_stage* stage, gpuspan_request request);
    void off(gpuspan_stage* stage, gpuspan_request request) {
      gpuspan_token token = gpuspan_begin(stage, request);
      __asm__ volatile("nop" ::: "memory");
      gpuspan_end(token);
    }`);
  expect(off).toEqual(['cmp', expect.stringMatching(/^j/), 'nop']);
});

// `attributes` and what else a call needs are parameters: the test is of the call, not of what prepares it.
const LATER = [
  ['set', 'gpuspan_set(token, attributes, 1)'],
  ['set_string', 'gpuspan_set_string(token, key, text)'],
  ['set_text', 'gpuspan_set_text(token, key, text, 5)'],
  ['set_bool', 'gpuspan_set_bool(token, key, 1)'],
  ['gpu_set_string', 'gpuspan_gpu_set_string(token, key, text)'],
  ['end_with', 'gpuspan_end_with(token, attributes, 1)'],
  ['fail', 'gpuspan_fail(token, text)'],
  ['request_set', 'gpuspan_request_set(request, attributes, 1)'],
  ['worker_set', 'gpuspan_worker_set(request, attributes, 1)'],
  ['event', 'gpuspan_event(kind, request, attributes, 1)'],
  ['event_at', 'gpuspan_event_at(kind, request, token, 1, attributes, 1)'],
  ['record', 'gpuspan_record(stage, request, 1, 2, attributes, 1)'],
  ['begin_under', 'gpuspan_begin_under(stage, request, token)'],
] as const;

it.skipIf(process.arch !== 'x64').each(LATER)('costs a compare and a jump for gpuspan_%s when off', (_, call) => {
  const parameters = `gpuspan_request request, gpuspan_token token, gpuspan_stage* stage, gpuspan_event_kind* kind,
    const gpuspan_attribute* attributes`;
  const off = offPath(`
    #include <gpuspan.h>
    void off(${parameters});
    extern gpuspan_key key[1];
    extern const char text[6];
    void off(${parameters}) {
      (void)request; (void)token; (void)stage; (void)kind; (void)attributes;
      ${call};
    }`);
  // The arguments stand in other registers than the slow half wants, and begin_under returns a zero.
  const work = off.filter((name) => name !== 'mov' && name !== 'xor');
  expect(work).toEqual([expect.stringMatching(/^(cmp|test)/), expect.stringMatching(/^j/)]);
});
