// SPDX-License-Identifier: Apache-2.0
//
// lib/segment/layout.ts says the same as native/core/layout.h and loss.h, of which it is a mirror.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import * as layout from '../../lib/segment/layout';

const core = join(import.meta.dirname, '../../native/core');
const header = readFileSync(join(core, 'layout.h'), 'utf8');

/** `kName = 3` pairs of an enum. */
function enumerators(name: string): Record<string, number> {
  const body = new RegExp(`enum class ${name} [^{]*{([^}]*)}`).exec(header)![1]!;
  const pairs = [...body.matchAll(/k(\w+)\s*=\s*(\d+)/g)];
  return Object.fromEntries(pairs.map(([, key, value]) => [key![0]!.toLowerCase() + key!.slice(1), Number(value)]));
}

function constant(name: string): number {
  return Number(new RegExp(`constexpr \\w+ ${name} = (\\w+);`).exec(header)![1]);
}

describe('the mirror of the byte layout', () => {
  test.each([
    ['Kind', { ...layout.KIND }],
    ['Item', { ...layout.ITEM }],
    ['ClockKind', { ...layout.CLOCK_KIND }],
    ['LaneState', { ...layout.LANE_STATE }],
  ])('has the values of enum %s', (name, mirror) => {
    expect(mirror).toEqual(enumerators(name));
  });

  test('has the slot flags', () => {
    const flags = [...header.matchAll(/kFlag(\w+) = 1 << (\d)/g)];
    const named = flags.map(([, name, bit]) => [name![0]!.toLowerCase() + name!.slice(1), 1 << Number(bit)]);
    expect({ ...layout.FLAG }).toEqual(Object.fromEntries(named));
  });

  test('has the limits and the version', () => {
    expect(layout.LAYOUT_VERSION).toBe(constant('kLayoutVersion'));
    expect(layout.SLOT_BYTES).toBe(constant('kSlotBytes'));
    expect(layout.MAX_SLICE_CONTINUATIONS).toBe(constant('kMaxSliceContinuations'));
    expect(layout.MAX_OWNER_CONTINUATIONS).toBe(constant('kMaxOwnerContinuations'));
    expect(layout.CHUNK_MEMBERS).toBe(constant('kChunkMembers'));
    expect(layout.MAX_BATCH_MEMBERS).toBe(constant('kMaxBatchMembers'));
    expect(layout.MAX_LANES).toBe(constant('kMaxLanes'));
    expect(layout.ENTRY.maxText).toBe(constant('kMaxStringBytes'));
    expect(layout.NO_INDEX).toBe(constant('kNone'));
  });

  test('has the names of the loss reasons in the order of loss.h', () => {
    const names = /kLossNames\[kLossCount\] = {([^}]*)}/.exec(readFileSync(join(core, 'loss.h'), 'utf8'))![1]!;
    const listed = [...names.matchAll(/"(\w*)"/g)].map(([, name]) => name);
    expect([...layout.LOSS_NAMES, ...Array(listed.length - layout.LOSS_NAMES.length).fill('')]).toEqual(listed);
  });
});
