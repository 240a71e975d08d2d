// SPDX-License-Identifier: Apache-2.0
//
// What could be said again and again is said once.
import { afterEach, expect, it, vi } from 'vitest';
import { Gpu } from '../../lib/gpu';
import type { Lane } from '../../lib/lane';
import { warnOnce } from '../../lib/warn';

afterEach(() => void vi.restoreAllMocks());

it('warns once of streams that cannot be timed, whatever their handles', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockReturnValue();
  const gpuStream = (handle: bigint): number => {
    throw new Error(`0x${handle.toString(16)} is not a queue`);
  };
  const gpu = new Gpu({ native: { gpuStream } } as unknown as Lane, 'opencl', 'a device', '');
  const reasons = [1n, 2n, 3n, 4n, 5n].map((handle) => gpu.stream(handle).reason);
  expect(reasons[4]).toBe('0x5 is not a queue');
  expect(emitted).toHaveBeenCalledOnce();
  expect(emitted.mock.calls[0]?.[0]).toContain('0x1 is not a queue');
});

it('remembers a bounded number of topics', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockReturnValue();
  for (let topic = 0; topic < 1_000; topic++) warnOnce(`topic ${topic}`, 'text');
  expect(emitted.mock.calls.length).toBeGreaterThan(200);
  expect(emitted.mock.calls.length).toBeLessThanOrEqual(256);
});
