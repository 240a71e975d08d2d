// SPDX-License-Identifier: Apache-2.0
//
// What `start()` accepts: the type that users write and the table of checks behind it. The checks are the same with
// tracing on and off, and serve the environment variables too (lib/config.ts).
import { GpuspanError } from './errors';
import { FILE_NAME_RANGE, isFileName } from './file-name';
import type { SamplerLike } from './sampling';
import { LEVELS, type Level } from './stage';

/** The part of OpenTelemetry's SpanExporter that gpuspan calls; exporters of SDK 2.x and 3.x both fit. */
export interface SpanExporterLike {
  // biome-ignore lint/suspicious/noExplicitAny: ReadableSpan of whichever SDK version the exporter was written for.
  export(spans: any[], resultCallback: (result: any) => void): void;
  shutdown(): Promise<void>;
  forceFlush?(): Promise<void>;
}

/** Who records on this thread. Ends up on worker spans. */
export interface WorkerOptions {
  /** Name of its worker spans, low in cardinality. Default `main`, in a worker_thread `worker`. */
  readonly label?: string;
  /** Ranks, 0 to 32,767. */
  readonly tpRank?: number;
  readonly ppRank?: number;
  readonly dpRank?: number;
  readonly epRank?: number;
  /** Index of the GPU that this worker drives, 0 to 65,535. */
  readonly gpuIndex?: number;
  /**
   * Its hardware UUID, as `nvidia-smi -L` tells it: `GPU-...` or `MIG-...`. Default: that of the device whose stream this
   * thread opens first, where the device's library tells it.
   */
  readonly gpuUuid?: string;
}

/** Options of `start()`. They win over environment variables; only `GPUSPAN` enables. */
export interface StartOptions {
  readonly serviceName?: string;
  /** Added to the OpenTelemetry Resource. */
  readonly resourceAttributes?: Readonly<Record<string, string | number | boolean>>;
  readonly worker?: WorkerOptions;
  /** New requests record stages up to this level; 0: none is recorded. Default `GPUSPAN_LEVEL`, else 2. */
  readonly level?: 0 | Level;
  /**
   * Any OpenTelemetry sampler, asked once for each request that starts. Default: what `OTEL_TRACES_SAMPLER` names, else
   * the parent decides, and what has none is recorded.
   */
  readonly sampler?: SamplerLike;
  /** Modules that record. Default `GPUSPAN_MODULES`, else all. */
  readonly modules?: readonly string[];
  /** Default `GPUSPAN_DEVICE`, else `auto`: CUDA if a device answers, else OpenCL. */
  readonly device?: 'auto' | 'cuda' | 'opencl' | 'sim' | 'none';
  /** Default `GPUSPAN_CLOCK`, else `auto`. */
  readonly clock?: 'auto' | 'tsc' | 'monotonic';
  /** Path of the CUDA driver library. Default `GPUSPAN_CUDA_LIBRARY`, else the system's. */
  readonly cudaLibrary?: string;
  /** Slots of a lane's ring, a power of two from 64 to 2^24. Default `GPUSPAN_RING_SLOTS`, else 65,536 (4 MiB). */
  readonly ringSlots?: number;
  /** Most threads that record at one time, 2 to 4,095. Default `GPUSPAN_LANES`, else 256. */
  readonly lanes?: number;
  /**
   * A request without a sign of life on its thread for so long (no slice begun or ended, no event) was forgotten: it is
   * closed and flagged `gpuspan.expired`. 0: never. Default `GPUSPAN_REQUEST_TTL`, else 600,000 (10 minutes).
   */
  readonly requestTtlMillis?: number;
  /** Folder for a named segment file that survives the process. Default `GPUSPAN_DIR`, else memory only. */
  readonly directory?: string;
  /**
   * A Perfetto trace is written to it, beside any other delivery; `%p` stands for the process id, `%%` for a percent sign.
   * What bears the name is replaced. Default `GPUSPAN_FILE`, else none.
   */
  readonly file?: string;
  /** Receives the spans on this thread. Default: OTLP from the `OTEL_*` variables, on a thread of its own. */
  readonly exporter?: SpanExporterLike;
  /** How long process exit may wait for delivery, 0 to 60,000. Default 500. */
  readonly exitTimeoutMillis?: number;
  /** Batch slices up to this level become a span of every member, 0 (none) to 4. Default 2. */
  readonly expandLevel?: number;
}

interface Check {
  readonly accepts: (value: unknown) => boolean;
  /** What is accepted, for messages. */
  readonly range: string;
}

const DEVICES = ['auto', 'cuda', 'opencl', 'sim', 'none'];
const CLOCKS = ['auto', 'tsc', 'monotonic'];
const MAX_LABEL_BYTES = 255;

const integer = (low: number, high: number): Check => ({
  accepts: (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
  range: `an integer from ${low} to ${high}`,
});
const oneOf = (names: readonly string[]): Check => ({
  accepts: (value) => names.includes(value as string),
  range: `one of ${names.join(', ')}`,
});
const text: Check = {
  accepts: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
  range: 'a string that is not empty',
};
const rank = integer(0, 32_767);

export const OPTION_CHECKS = {
  serviceName: text,
  resourceAttributes: {
    accepts: (value) =>
      isPlainObject(value) &&
      Object.values(value).every((item) => ['string', 'number', 'boolean'].includes(typeof item)),
    range: 'an object of strings, numbers and booleans',
  },
  worker: { accepts: isPlainObject, range: 'an object' },
  level: { accepts: (value) => value === 0 || LEVELS.includes(value as Level), range: '0, 1, 2, 3 or 4' },
  sampler: {
    accepts: (value) => typeof value === 'object' && value !== null && hasMethod(value, 'shouldSample'),
    range: 'an OpenTelemetry Sampler',
  },
  modules: {
    accepts: (value) => Array.isArray(value) && value.every((name) => text.accepts(name)),
    range: 'an array of module names',
  },
  device: oneOf(DEVICES),
  clock: oneOf(CLOCKS),
  cudaLibrary: text,
  ringSlots: {
    accepts: (value) => integer(64, 2 ** 24).accepts(value) && Number.isInteger(Math.log2(value as number)),
    range: 'a power of two from 64 to 16777216',
  },
  lanes: integer(2, 4095),
  requestTtlMillis: integer(0, 2 ** 31 - 1),
  directory: text,
  file: { accepts: isFileName, range: FILE_NAME_RANGE },
  exporter: {
    accepts: (value) =>
      typeof value === 'object' && value !== null && hasMethod(value, 'export') && hasMethod(value, 'shutdown'),
    range: 'an OpenTelemetry SpanExporter',
  },
  exitTimeoutMillis: integer(0, 60_000),
  expandLevel: integer(0, 4),
} as const satisfies Record<keyof StartOptions, Check>;

const label: Check = {
  accepts: (value) => text.accepts(value) && Buffer.byteLength(value as string) <= MAX_LABEL_BYTES,
  range: `a string of 1 to ${MAX_LABEL_BYTES} bytes`,
};

const WORKER_CHECKS = {
  label,
  tpRank: rank,
  ppRank: rank,
  dpRank: rank,
  epRank: rank,
  gpuIndex: integer(0, 65_535),
  gpuUuid: label,
} as const satisfies Record<keyof WorkerOptions, Check>;

/**
 * The options as given, checked: a copy of their own properties, so that nothing else is ever used.
 * @throws GpuspanError `GPUSPAN_OPTION` naming the option, its value and what is accepted.
 */
export function checkOptions(options: unknown): StartOptions {
  if (options === undefined) return {};
  if (!isPlainObject(options)) {
    throw new GpuspanError('GPUSPAN_OPTION', `start() takes an object of options, got ${show(options)}`);
  }
  const own = { ...options };
  checkAll(own, OPTION_CHECKS, '');
  if (own['worker'] !== undefined) {
    const worker = { ...(own['worker'] as Record<string, unknown>) };
    checkAll(worker, WORKER_CHECKS, 'worker.');
    own['worker'] = worker;
  }
  return own;
}

function checkAll(given: Record<string, unknown>, checks: Readonly<Record<string, Check>>, prefix: string): void {
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) {
      throw new GpuspanError(
        'GPUSPAN_OPTION',
        `unknown option '${prefix}${name}'; known: ${Object.keys(checks)
          .map((known) => prefix + known)
          .join(', ')}`,
      );
    }
    if (value !== undefined && !check.accepts(value)) {
      throw new GpuspanError('GPUSPAN_OPTION', `option '${prefix}${name}' must be ${check.range}, got ${show(value)}`);
    }
  }
}

// A Map or an instance of a class has its contents elsewhere than in own properties: all of them would be ignored.
function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && className(value) === 'Object';
}

// By name, because every realm has an Object of its own.
function className(value: object): string {
  const type: unknown = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  return typeof type === 'function' ? type.name : 'Object';
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === 'function';
}

/** A value for a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'an array with something else in it';
  if (typeof value !== 'object' || value === null) return String(value);
  const name = className(value);
  return name === 'Object' ? 'another object' : `an instance of ${name || 'a class'}`;
}
