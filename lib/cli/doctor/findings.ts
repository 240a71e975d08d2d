// SPDX-License-Identifier: Apache-2.0
//
// What `gpuspan doctor` looks at, in order: system, addon, variables, segment and its clock, cost of a slice, GPU,
// destination. Each is a finding with what to do. Loads the addon and starts tracing in this process, with an exporter
// that drops everything.
import { readFileSync, statfsSync } from 'node:fs';
import { type Configuration, configure } from '../../config';
import { loadNative, type Native } from '../../native';
import { findDestination } from '../../otel/destination';
import { start } from '../../start';
import type { Tracer } from '../../tracer';
import { costOfSlice } from './slice-cost';

export type FindingState =
  /** As it should be. */
  | 'ok'
  /** Works, and is worth knowing. */
  | 'note'
  /** Keeps gpuspan from recording or delivering. */
  | 'wrong';

export interface Finding {
  readonly topic: string;
  readonly state: FindingState;
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MEGABYTE = 1024 * 1024;
const SLOT_BYTES = 64;
const TABLE_BYTES = 2 * MEGABYTE;

/** Looks at everything that can be looked at; never throws. */
export async function findAll(env: Environment): Promise<Finding[]> {
  const on = { ...env, GPUSPAN: '1' };
  const configuration = configure({}, on);
  const before = [system(), ...variables(env, configuration)];
  const loaded = loadNative();
  if ('reason' in loaded) {
    const remedy = 'install on Linux, x86-64 with glibc, or build it: npm run build in a checkout';
    return [...before, { topic: 'addon', state: 'wrong', text: loaded.reason, remedy }, destination(env)];
  }
  const addon: Finding = { topic: 'addon', state: 'ok', text: `loaded from ${addonPath()}` };
  const live = await whileTracing(loaded.native, configuration);
  return [...before, addon, ...live, destination(env)];
}

function system(): Finding {
  const text = `Node ${process.versions.node}, ${process.platform}-${process.arch}, kernel ${kernel()}`;
  return { topic: 'system', state: 'ok', text };
}

function kernel(): string {
  return firstLine('/proc/sys/kernel/osrelease') ?? 'unknown';
}

function firstLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

function variables(env: Environment, { warnings, level, modules, native }: Configuration): Finding[] {
  const off = configure({}, env);
  const enabled: Finding = off.enabled
    ? { topic: 'GPUSPAN', state: 'ok', text: 'tracing is on' }
    : {
        topic: 'GPUSPAN',
        state: 'note',
        text: off.reason,
        remedy: 'set GPUSPAN=1 to trace; the rest is as if it were',
      };
  const named = modules === undefined ? 'all modules' : `modules ${[...modules].join(', ')}`;
  const ring = `${native.ringSlots} slots, ${Math.ceil((native.ringSlots * SLOT_BYTES + TABLE_BYTES) / MEGABYTE)} MB a thread`;
  const text = `level ${level}, ${named}; rings of ${ring}; ${native.lanes} threads at most`;
  const told = warnings.map(
    (warning): Finding => ({ topic: 'variables', state: 'wrong', text: warning, remedy: 'correct or unset it' }),
  );
  return [enabled, { topic: 'settings', state: 'ok', text }, ...told];
}

function addonPath(): string {
  return Object.keys(require.cache).find((path) => path.endsWith('.node')) ?? 'an unknown place';
}

async function whileTracing(native: Native, configuration: Configuration): Promise<Finding[]> {
  // This process's own: start() enables by the variable alone.
  process.env['GPUSPAN'] = '1';
  delete process.env['OTEL_SDK_DISABLED'];
  const tracer = start({ exporter: { export: (_, done) => done({ code: 0 }), shutdown: () => Promise.resolve() } });
  if (tracer.reason !== '') {
    const remedy = 'see docs/errors.md; GPUSPAN_DIR, GPUSPAN_LANES and GPUSPAN_RING_SLOTS decide what is reserved';
    return [{ topic: 'segment', state: 'wrong', text: tracer.reason, remedy }];
  }
  try {
    return [segment(native, configuration), clock(native, configuration), sliceCost(tracer), ...gpu(tracer)];
  } finally {
    await tracer.shutdown();
  }
}

function segment(native: Native, { native: { directory } }: Configuration): Finding {
  const size = `${Math.round(native.segmentBytes() / MEGABYTE)} MB of address space, used as threads start`;
  if (directory === '') return { topic: 'segment', state: 'ok', text: `in memory that ends with the process; ${size}` };
  let free: ReturnType<typeof statfsSync>;
  try {
    free = statfsSync(directory);
  } catch (error) {
    const remedy = 'make the folder, or name another in GPUSPAN_DIR; memory takes its place until then';
    return { topic: 'segment', state: 'wrong', text: `${directory}: ${(error as Error).message}`, remedy };
  }
  const { bavail, bsize, type } = free;
  const TMPFS = 0x01021994;
  const text = `a file in ${directory}, ${Math.round((bavail * bsize) / MEGABYTE)} MB free there; ${size}`;
  if (type === TMPFS) return { topic: 'segment', state: 'ok', text };
  return {
    topic: 'segment',
    state: 'note',
    text: `${text}; no tmpfs`,
    remedy: 'a folder on tmpfs, such as /dev/shm, never waits',
  };
}

function clock(native: Native, { native: config }: Configuration): Finding {
  const { clock: name, clockReason } = native.open(config);
  const source = firstLine('/sys/devices/system/clocksource/clocksource0/current_clocksource') ?? 'unknown';
  const text = `${name}: ${clockReason}; the kernel's clock source is ${source}`;
  if (name !== 'monotonic') return { topic: 'clock', state: 'ok', text };
  return {
    topic: 'clock',
    state: 'note',
    text,
    remedy: 'GPUSPAN_CLOCK=tsc where the counter is known good',
  };
}

function sliceCost(tracer: Tracer): Finding {
  const { nanos, floor, lost } = costOfSlice(tracer);
  const text = `${nanos.toFixed(0)} ns on this machine now (median), an empty loop ${floor.toFixed(1)} ns`;
  if (lost === 0) return { topic: 'slice', state: 'ok', text };
  return { topic: 'slice', state: 'wrong', text: `${text}; ${lost} were lost`, remedy: 'raise GPUSPAN_RING_SLOTS' };
}

function gpu(tracer: Tracer): Finding[] {
  const { source, description, reason } = tracer.gpu();
  const libraries: Finding = { topic: 'GPU library', state: 'ok', text: mappedLibraries() };
  if (source === '') {
    const remedy =
      'install the driver, name it in GPUSPAN_CUDA_LIBRARY, or set GPUSPAN_DEVICE=none; host slices need none';
    return [libraries, { topic: 'GPU', state: 'note', text: `no GPU slices: ${reason}`, remedy }];
  }
  const text = `${description}; times by ${source}`;
  if (source !== 'simulated') return [libraries, { topic: 'GPU', state: 'ok', text }];
  return [
    libraries,
    { topic: 'GPU', state: 'note', text, remedy: 'these times are made up: unset GPUSPAN_DEVICE for real ones' },
  ];
}

/** The device libraries that were found and loaded, and the driver's version where the kernel tells it. */
function mappedLibraries(): string {
  const maps = firstText('/proc/self/maps');
  const found = new Set(maps.match(/\/\S*(libcuda|libOpenCL|simcuda)\S*/g) ?? []);
  const driver = firstLine('/proc/driver/nvidia/version');
  const list = found.size === 0 ? 'neither libcuda.so.1 nor libOpenCL.so.1 was loaded' : [...found].join(', ');
  return driver === undefined ? list : `${list}; ${driver}`;
}

function firstText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function destination(env: Environment): Finding {
  const warnings: string[] = [];
  const found = findDestination(env, (warning) => warnings.push(warning));
  const topic = 'destination';
  if (warnings.length > 0) return { topic, state: 'wrong', text: warnings.join('; '), remedy: 'correct or unset it' };
  if (found.kind === 'otlp') return { topic, state: 'ok', text: `OTLP to ${found.endpoint}` };
  if (found.kind === 'none') return { topic, state: 'note', text: 'OTEL_TRACES_EXPORTER is none: nothing is sent' };
  const remedy =
    'set OTEL_EXPORTER_OTLP_ENDPOINT, for example to what gpuspan receive listens on, or give start() an exporter';
  return { topic, state: 'note', text: 'no variable names one', remedy };
}
