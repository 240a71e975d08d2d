// SPDX-License-Identifier: Apache-2.0
//
// The example's device job against its CPU reference: OpenCL, threads and the simulated CUDA device must find exactly the
// reference's rows.
import { beforeAll, describe, expect, it } from 'vitest';
import { type Device, openDevice } from '../../examples/text-server/device.mjs';
import { DIMENSIONS, mix, NOISE } from '../../examples/text-server/model/model.mjs';
import { pickRows } from '../../examples/text-server/model/reference.mjs';
import { setUpDevice } from '../../examples/text-server/setup.mjs';
import { needOpenCl, SET_UP_MILLIS } from './run-demo';

/** Numbers that are the same in every run, from `low` to `high`. */
function numbers(seed: number, count: number, low: number, high: number): number[] {
  return Array.from({ length: count }, (_, i) => low + (mix(mix(seed) + i) % (high - low + 1)));
}

function makeModel(rows: number, seed: number) {
  return {
    weights: Int8Array.from(numbers(seed, rows * DIMENSIONS, -127, 127)),
    noise: Int32Array.from(numbers(seed + 1, NOISE, -20_000, 20_000)),
  };
}

function makeBatch(size: number, seed: number) {
  return {
    hidden: Int8Array.from(numbers(seed, size * DIMENSIONS, -128, 127)),
    seeds: Uint32Array.from(numbers(seed + 1, size, 0, 0xfffffffe)),
  };
}

async function compare(device: Device, model: ReturnType<typeof makeModel>, size: number, seed: number) {
  const { hidden, seeds } = makeBatch(size, seed);
  const picks = await device.wait(device.launch(hidden, seeds, 0n));
  expect([...picks]).toEqual([...pickRows(model, hidden, seeds)]);
}

beforeAll(() => {
  Object.assign(process.env, setUpDevice('sim'));
}, SET_UP_MILLIS);

describe.each(['opencl', 'threads', 'sim'])('the device job on %s', (kind) => {
  it('finds the rows of the CPU reference for random models and batches', async (context) => {
    if (kind === 'opencl') needOpenCl(context);
    for (const rows of [1, 63, 64, 1000]) {
      const model = makeModel(rows, rows);
      const device = openDevice(kind, model);
      for (const size of [1, 2, 17, device.maxBatch]) await compare(device, model, size, rows + size);
    }
  });

  it('takes the first of rows with equal scores', async (context) => {
    if (kind === 'opencl') needOpenCl(context);
    const model = { weights: new Int8Array(500 * DIMENSIONS), noise: new Int32Array(NOISE) };
    await compare(openDevice(kind, model), model, 3, 1);
  });

  it('computes jobs that were launched one after another before any was waited for', async (context) => {
    if (kind === 'opencl') needOpenCl(context);
    const model = makeModel(300, 5);
    const device = openDevice(kind, model);
    const batches = [1, 2, 3].map((seed) => makeBatch(20, seed));
    const jobs = batches.map(({ hidden, seeds }) => device.launch(hidden, seeds, 0n));
    const results = await Promise.all(jobs.map((job) => device.wait(job)));
    const expected = batches.map(({ hidden, seeds }) => pickRows(model, hidden, seeds));
    expect(results).toEqual(expected);
  });

  it('refuses a batch whose parts do not fit together, and a second wait', async (context) => {
    if (kind === 'opencl') needOpenCl(context);
    const device = openDevice(kind, makeModel(10, 1));
    expect(() => device.launch(new Int8Array(DIMENSIONS), new Uint32Array(2), 0n)).toThrow(/a seed for each/);
    expect(() => device.launch(new Int8Array(0), new Uint32Array(0), 0n)).toThrow(/1 to 64/);
    const job = device.launch(new Int8Array(DIMENSIONS), new Uint32Array(1), 0n);
    await device.wait(job);
    expect(() => device.wait(job)).toThrow(/already/);
  });
});

describe('the simulated CUDA device', () => {
  it('says that it is simulated and that the CPU computes', () => {
    const { kind, name } = openDevice('sim', makeModel(10, 1));
    expect(kind).toBe('sim');
    expect(name).toMatch(/^gpuspan simulated GPU 0 \(simulated CUDA driver \d+\.\d\), computed on the CPU$/);
  });

  it('says so as well when it stands in for a real driver', () => {
    expect(openDevice('cuda', makeModel(10, 1)).kind).toBe('sim');
  });
});
