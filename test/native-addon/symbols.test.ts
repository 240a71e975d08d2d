// SPDX-License-Identifier: Apache-2.0
//
// What the addon asks of a system and shows to it: both decide whether a prebuild loads elsewhere.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './addon';

const ADDON = join(ROOT, 'build', 'Release', 'gpuspan.node');
const lines = (command: string, ...args: string[]) =>
  execFileSync(command, [...args, ADDON], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);

const EXPORTED = ['gpuspan_get_api_v1', 'napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** Newest versions asked for. Raising one drops systems: say which in the changelog. */
const NEWEST = { GLIBC: [2, 34], GLIBCXX: [3, 4, 29], CXXABI: [1, 3, 11], GCC: [3, 4] };

const isNewer = (version: readonly number[], limit: readonly number[]): boolean => {
  const at = limit.findIndex((part, i) => (version[i] ?? 0) !== part);
  return at === -1 ? version.length > limit.length : (version[at] ?? 0) > (limit[at] ?? 0);
};

it('exports three symbols', () => {
  const names = lines('nm', '-D', '--defined-only').map((line) => line.split(' ').at(-1));
  expect(names.sort()).toEqual(EXPORTED);
});

it('asks for no newer glibc or libstdc++ than pinned', () => {
  const asked = lines('objdump', '-T').flatMap(
    (line) => /\((GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)/.exec(line)?.slice(1, 3) ?? [],
  );
  const tooNew: string[] = [];
  for (let i = 0; i < asked.length; i += 2) {
    const [library, version] = [asked[i] as keyof typeof NEWEST, (asked[i + 1] ?? '').split('.').map(Number)];
    if (isNewer(version, NEWEST[library])) tooNew.push(`${library}_${asked[i + 1]}`);
  }
  expect(asked.length).toBeGreaterThan(0);
  expect([...new Set(tooNew)]).toEqual([]);
});

it('stays mapped when the last environment that loaded it ends', () => {
  expect(lines('readelf', '-d').join('\n')).toMatch(/FLAGS_1.*NODELETE/);
});

it('links to no device library', () => {
  const needed = lines('readelf', '-d').filter((line) => line.includes('NEEDED'));
  expect(needed.some((line) => /cuda|OpenCL/i.test(line))).toBe(false);
});

it('has the scratch layout that lib/native.ts declares', () => {
  const header = readFileSync(join(ROOT, 'native', 'node', 'environment.h'), 'utf8');
  const mirror = readFileSync(join(ROOT, 'lib', 'native.ts'), 'utf8');
  const inHeader = Object.fromEntries(
    [...header.matchAll(/constexpr uint32_t k(\w+) = ([\d']+);/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      Number(value.replaceAll("'", '')),
    ]),
  );
  const block = /SCRATCH = \{([\s\S]*?)\} as const/.exec(mirror)?.[1] ?? '';
  const places = [...block.matchAll(/(\w+): (\d+),/g)].map(([, name = '', value]) => [
    name.toLowerCase(),
    Number(value),
  ]);
  expect(inHeader).toEqual({ ...Object.fromEntries(places), scratchbytes: 65_536 });
});
