// SPDX-License-Identifier: Apache-2.0
//
// Runs `gpuspan convert` on made-up spans and shows what a viewer makes of the trace. Used by this folder's tests.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Slice, type View, view } from '../perfetto/viewer';
import { fileOf, gpuspan, temporaryFolder } from './otlp';

export interface Shown extends View {
  readonly stdout: string;
  readonly stderr: string;
}

/** Of files with these export requests, or these texts, each. */
export async function converted(...contents: (string | readonly object[])[]): Promise<Shown> {
  return convertedWith([], ...contents);
}

export async function convertedWith(
  words: readonly string[],
  ...contents: (string | readonly object[])[]
): Promise<Shown> {
  const out = join(temporaryFolder(), 'out.pftrace');
  const { code, stdout, stderr } = await gpuspan('convert', ...contents.map(fileOf), '-o', out, ...words);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { ...view(readFileSync(out)), stdout, stderr };
}

/** The names of a track and those above it, outermost first. */
export function pathOf({ tracks }: View, track: string): string {
  const names: string[] = [];
  for (let at = tracks.get(track); at !== undefined; at = at.parent === undefined ? undefined : tracks.get(at.parent)) {
    names.unshift(at.name);
  }
  return names.join(' / ');
}

/** Slices as `path: name in parent`. */
export function drawn(shown: View): string[] {
  return shown.slices.map((slice) => {
    const inside = slice.parent === undefined ? '' : ` in ${slice.parent.name}`;
    return `${pathOf(shown, slice.track)}: ${slice.name}${inside}`;
  });
}

export function named({ slices }: View, name: string): Slice {
  const found = slices.filter((slice) => slice.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}
