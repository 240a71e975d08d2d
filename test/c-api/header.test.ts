// SPDX-License-Identifier: Apache-2.0
//
// gpuspan.h and the sample of docs/c-api.md against compilers: pedantic C and C++, and what a pair that is off costs.
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
const SAMPLE = /```c\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs', 'c-api.md'), 'utf8'))?.[1] ?? '';

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
  '%s takes the sample of docs/c-api.md as %s, %s, without warnings',
  (compiler, language, standard) => {
    expect(SAMPLE).toContain('gpuspan_adopt');
    expect(compile(compiler, language, standard, SAMPLE)).toBe('');
  },
);

it.skipIf(process.arch !== 'x64')('costs a compare and a jump for a pair that is off', () => {
  const source = `
    #include <gpuspan.h>
    void pair(gpuspan_stage* stage, gpuspan_request request);
    void pair(gpuspan_stage* stage, gpuspan_request request) {
      gpuspan_token token = gpuspan_begin(stage, request);
      __asm__ volatile("nop" ::: "memory");
      gpuspan_end(token);
    }`;
  expect(compile('gcc', 'c', 'gnu11', source)).toBe('');
  const listing = execFileSync(
    'objdump',
    ['-d', '--no-show-raw-insn', '--disassemble=pair', join(folder, 'object.o')],
    {
      encoding: 'utf8',
    },
  );
  const instructions = [...listing.matchAll(/^\s+[0-9a-f]+:\s+(\w+)/gm)].map(([, name]) => name);
  const off = instructions.slice(0, instructions.indexOf('ret'));
  expect(off).toEqual(['cmp', expect.stringMatching(/^j/), 'nop']);
});
