// SPDX-License-Identifier: Apache-2.0
//
// Options and environment variables: what they mean, what is refused and how. Pure; nothing is started.
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { configure } from '../../lib/config';

const ON = { GPUSPAN: '1' };

describe('enabling', () => {
  it.each(['1', 'true', 'TRUE', ' 1 '])('is on for GPUSPAN=%j', (GPUSPAN) => {
    expect(configure(undefined, { GPUSPAN })).toMatchObject({ enabled: true, reason: '', warnings: [] });
  });

  it.each([undefined, '', '0', 'false', 'False'])('is off without a word for GPUSPAN=%j', (GPUSPAN) => {
    const { enabled, reason, warnings } = configure(undefined, { GPUSPAN });
    expect(enabled).toBe(false);
    expect(reason).toContain('GPUSPAN');
    expect(warnings).toEqual([]);
  });

  it.each(['yes', 'on', '2'])('is off with one warning for GPUSPAN=%j', (GPUSPAN) => {
    const { enabled, warnings } = configure(undefined, { GPUSPAN });
    expect(enabled).toBe(false);
    expect(warnings).toEqual([expect.stringContaining(`GPUSPAN="${GPUSPAN}"`)]);
  });

  it('is off when OTEL_SDK_DISABLED is true', () => {
    expect(configure(undefined, { ...ON, OTEL_SDK_DISABLED: 'True' })).toMatchObject({
      enabled: false,
      reason: 'OTEL_SDK_DISABLED is true',
    });
    expect(configure(undefined, { ...ON, OTEL_SDK_DISABLED: 'false' }).enabled).toBe(true);
  });
});

describe('values', () => {
  it('has the documented defaults', () => {
    expect(configure(undefined, ON)).toMatchObject({
      level: 2,
      modules: undefined,
      native: {
        lanes: 256,
        ringSlots: 65_536,
        requestTtlMillis: 600_000,
        clock: 'auto',
        directory: '',
        device: 'auto',
        cudaLibrary: '',
      },
      directoryFrom: 'default',
      identity: { threadId: 0, tpRank: -1, ppRank: -1, dpRank: -1, epRank: -1, gpuIndex: -1, gpuUuid: '' },
      exitTimeoutMillis: 500,
      expandLevel: 2,
    });
  });

  it('takes them from variables', () => {
    const env = {
      ...ON,
      GPUSPAN_LEVEL: '4',
      GPUSPAN_MODULES: 'request, hicache,',
      GPUSPAN_DEVICE: 'opencl',
      GPUSPAN_CLOCK: 'monotonic',
      GPUSPAN_CUDA_LIBRARY: '/opt/libcuda.so.1',
      GPUSPAN_RING_SLOTS: '1024',
      GPUSPAN_LANES: '8',
      GPUSPAN_REQUEST_TTL: '1500',
      GPUSPAN_DIR: '/dev/shm/x',
    };
    expect(configure({}, env)).toMatchObject({
      level: 4,
      modules: new Set(['request', 'hicache']),
      native: {
        lanes: 8,
        ringSlots: 1024,
        requestTtlMillis: 1500,
        clock: 'monotonic',
        directory: '/dev/shm/x',
        device: 'opencl',
        cudaLibrary: '/opt/libcuda.so.1',
      },
      directoryFrom: 'variable',
      warnings: [],
    });
  });

  it('prefers options to variables, without judging the variable', () => {
    const env = { ...ON, GPUSPAN_LEVEL: 'x', GPUSPAN_DEVICE: 'y', GPUSPAN_RING_SLOTS: '-1', GPUSPAN_DIR: '/a' };
    expect(configure({ level: 1, device: 'none', ringSlots: 64, directory: '/b' }, env)).toMatchObject({
      level: 1,
      native: { device: 'none', ringSlots: 64, directory: '/b' },
      directoryFrom: 'option',
      warnings: [],
    });
  });

  it.each([
    ['GPUSPAN_LEVEL', '5'],
    ['GPUSPAN_LEVEL', 'two'],
    ['GPUSPAN_LEVEL', '1e0'],
    ['GPUSPAN_DEVICE', 'metal'],
    ['GPUSPAN_CLOCK', 'sundial'],
    ['GPUSPAN_RING_SLOTS', '1000'],
    ['GPUSPAN_RING_SLOTS', '32'],
    ['GPUSPAN_RING_SLOTS', '33554432'],
    ['GPUSPAN_REQUEST_TTL', '-1'],
    ['GPUSPAN_REQUEST_TTL', '2147483648'],
    ['GPUSPAN_LANES', '1'],
    ['GPUSPAN_LANES', '4096'],
    ['GPUSPAN_MODULES', ' , '],
    ['GPUSPAN_FILE', 'x-%d.pftrace'],
    ['GPUSPAN_FILE', '100%'],
    ['GPUSPAN_FILE', 'traces/'],
  ])('warns once of %s=%j, naming it, its value and what is used', (name, value) => {
    const { warnings, ...rest } = configure(undefined, { ...ON, [name]: value });
    const { warnings: none, ...defaults } = configure(undefined, ON);
    expect(none).toEqual([]);
    expect(rest).toEqual(defaults);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^${name}=${JSON.stringify(value)} is not .+; using .+`)),
    ]);
  });

  it('treats an empty variable as unset', () => {
    const env = { ...ON, GPUSPAN_LEVEL: '', GPUSPAN_MODULES: '', GPUSPAN_DIR: '', GPUSPAN_FILE: '' };
    expect(configure(undefined, env)).toEqual(configure(undefined, ON));
  });

  it.each([
    ['x-%p.pftrace', `${process.cwd()}/x-${process.pid}.pftrace`],
    ['/tmp/100%%-%p-%p', `/tmp/100%-${process.pid}-${process.pid}`],
    ['a/../b%%p', `${process.cwd()}/b%p`],
  ])('takes %j as the name of a trace file, from variable and option', (name, file) => {
    expect(configure(undefined, { ...ON, GPUSPAN_FILE: name })).toMatchObject({ file, warnings: [] });
    expect(configure({ file: name }, { ...ON, GPUSPAN_FILE: '%' })).toMatchObject({ file, warnings: [] });
  });

  it('looks at no other variable while tracing is off', () => {
    expect(configure(undefined, { GPUSPAN_LEVEL: 'x', GPUSPAN_FILE: 'y' }).warnings).toEqual([]);
  });
});

describe('options', () => {
  const exporter = { export: () => {}, shutdown: async () => {} };

  it.each([
    { serviceName: 'decoder' },
    {
      worker: {
        label: 'DecodeWorker',
        tpRank: 0,
        ppRank: 1,
        dpRank: 2,
        epRank: 32_767,
        gpuIndex: 0,
        gpuUuid: 'GPU-01234567',
      },
    },
    { exporter },
    { resourceAttributes: { a: 'b', c: 1, d: true } },
    { level: undefined },
    { modules: [] },
    { exitTimeoutMillis: 0, expandLevel: 0 },
  ])('accepts %j', (options) => {
    expect(configure(options, ON).warnings).toEqual([]);
  });

  it.each([
    [{ level: 5 }, 'level'],
    [{ sampler: {} }, 'sampler'],
    [{ level: '2' }, 'level'],
    [{ device: 'metal' }, 'device'],
    [{ clock: 1 }, 'clock'],
    [{ ringSlots: 1000 }, 'ringSlots'],
    [{ lanes: 1 }, 'lanes'],
    [{ modules: 'request' }, 'modules'],
    [{ modules: [''] }, 'modules'],
    [{ directory: '' }, 'directory'],
    [{ cudaLibrary: 3 }, 'cudaLibrary'],
    [{ serviceName: null }, 'serviceName'],
    [{ resourceAttributes: { a: {} } }, 'resourceAttributes'],
    [{ exporter: {} }, 'exporter'],
    [{ exitTimeoutMillis: -1 }, 'exitTimeoutMillis'],
    [{ exitTimeoutMillis: Number.POSITIVE_INFINITY }, 'exitTimeoutMillis'],
    [{ expandLevel: 5 }, 'expandLevel'],
    [{ worker: 'decode' }, 'worker'],
    [{ worker: { label: '' } }, 'worker.label'],
    [{ worker: { tpRank: -1 } }, 'worker.tpRank'],
    [{ worker: { tpRank: 32_768 } }, 'worker.tpRank'],
    [{ worker: { rank: 1 } }, 'worker.rank'],
    [{ exporters: [] }, 'exporters'],
    [{ toString: 1 }, 'toString'],
  ])('refuses %j, naming %s, with tracing on and off', (options, name) => {
    const error = expect.objectContaining({ code: 'GPUSPAN_OPTION', message: expect.stringContaining(`'${name}'`) });
    expect(() => configure(options, ON)).toThrow(error);
    expect(() => configure(options, {})).toThrow(error);
  });

  it('refuses what is no object', () => {
    for (const options of [null, 1, 'x', []]) {
      expect(() => configure(options, {})).toThrow(expect.objectContaining({ code: 'GPUSPAN_OPTION' }));
    }
  });

  class Settings {
    readonly level = 1;
  }

  it.each([
    ['start() takes an object of options, got an instance of Map', new Map([['level', 1]])],
    ['start() takes an object of options, got an instance of Settings', new Settings()],
    ["option 'worker' must be an object, got an instance of Date", { worker: new Date() }],
    [
      "option 'resourceAttributes' must be an object of strings, numbers and booleans, got an instance of Map",
      { resourceAttributes: new Map() },
    ],
  ])('refuses what keeps its contents elsewhere than in properties: %s', (message, options) => {
    for (const env of [ON, {}]) {
      const refused = expect.objectContaining({ name: 'GpuspanError', code: 'GPUSPAN_OPTION', message });
      expect(() => configure(options, env)).toThrow(refused);
    }
  });

  it('accepts a plain object of another realm and one without a prototype', () => {
    const foreign = runInNewContext('({ level: 1, worker: { label: "a" }, resourceAttributes: { a: 1 } })');
    expect(configure(foreign, ON).level).toBe(1);
    expect(configure(Object.assign(Object.create(null), { level: 3 }), ON).level).toBe(3);
  });

  it('uses nothing that it has not checked: what an object inherits is ignored', () => {
    const options = Object.create({ level: 9, ringSlots: -5, worker: { label: 5 } });
    expect(configure(options, ON)).toEqual(configure({}, ON));
    const worker = Object.create({ label: 5, tpRank: 1e9 });
    expect(configure({ worker }, ON).identity).toEqual(configure({}, ON).identity);
  });
});
