// SPDX-License-Identifier: Apache-2.0
//
// One validated configuration out of options and environment variables. A bad option throws; a bad variable is
// worth one warning and the default, because a variable must never be what breaks a worker. Called by `start()`.
import { isMainThread, threadId } from 'node:worker_threads';
import { expandFileName, FILE_NAME_RANGE, isFileName } from './file-name';
import type { NativeConfig, NativeIdentity } from './native';
import { checkOptions, OPTION_CHECKS, type StartOptions } from './options';
import { type NamedSampler, readSampler } from './sampler-names';
import type { Level } from './stage';

export interface Configuration {
  readonly enabled: boolean;
  /** Why not enabled; '' when it is. */
  readonly reason: string;
  readonly level: 0 | Level;
  /** `undefined`: every module. */
  readonly modules: ReadonlySet<string> | undefined;
  readonly native: NativeConfig;
  /** A folder that cannot be used is an error when code asked for it, a warning when a variable did. */
  readonly directoryFrom: 'option' | 'variable' | 'default';
  readonly identity: NativeIdentity;
  /** Absolute path of the trace file, where there is to be one. */
  readonly file: string | undefined;
  readonly exitTimeoutMillis: number;
  readonly expandLevel: number;
  /** What `OTEL_TRACES_SAMPLER` names, where it is not the default and no option names another. */
  readonly sampler: NamedSampler | undefined;
  /** To be told once a process, whoever of its threads starts first. */
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_LEVEL: Level = 2;
const DEFAULT_LANES = 256;
const DEFAULT_RING_SLOTS = 65_536;
const DEFAULT_REQUEST_TTL_MILLIS = 600_000;
const DEFAULT_EXIT_TIMEOUT_MILLIS = 500;
const DEFAULT_EXPAND_LEVEL = 2;

/** @throws GpuspanError `GPUSPAN_OPTION`, with tracing on or off. */
export function configure(options: unknown, env: Environment): Configuration {
  const checked = checkOptions(options);
  const warnings: string[] = [];
  const reason = disabledReason(env, warnings);
  // While tracing is off its other variables are nobody's business.
  const variables = new Variables(reason === '' ? env : {}, warnings);
  const modules = checked.modules ?? variables.list('GPUSPAN_MODULES');
  const directory = checked.directory ?? variables.text('GPUSPAN_DIR');
  const file = checked.file ?? variables.fileName('GPUSPAN_FILE');
  return {
    enabled: reason === '',
    reason,
    level: checked.level ?? (variables.integer('GPUSPAN_LEVEL', OPTION_CHECKS.level, DEFAULT_LEVEL) as 0 | Level),
    modules: modules === undefined ? undefined : new Set(modules),
    native: {
      lanes: checked.lanes ?? variables.integer('GPUSPAN_LANES', OPTION_CHECKS.lanes, DEFAULT_LANES),
      ringSlots:
        checked.ringSlots ?? variables.integer('GPUSPAN_RING_SLOTS', OPTION_CHECKS.ringSlots, DEFAULT_RING_SLOTS),
      requestTtlMillis:
        checked.requestTtlMillis ??
        variables.integer('GPUSPAN_REQUEST_TTL', OPTION_CHECKS.requestTtlMillis, DEFAULT_REQUEST_TTL_MILLIS),
      clock: checked.clock ?? variables.choice('GPUSPAN_CLOCK', OPTION_CHECKS.clock, 'auto'),
      directory: directory ?? '',
      device: checked.device ?? variables.choice('GPUSPAN_DEVICE', OPTION_CHECKS.device, 'auto'),
      cudaLibrary: checked.cudaLibrary ?? variables.text('GPUSPAN_CUDA_LIBRARY') ?? '',
      ...(modules !== undefined && { modules }),
    },
    directoryFrom: checked.directory !== undefined ? 'option' : directory !== undefined ? 'variable' : 'default',
    identity: identify(checked),
    file: file === undefined ? undefined : expandFileName(file, process.pid),
    exitTimeoutMillis: checked.exitTimeoutMillis ?? DEFAULT_EXIT_TIMEOUT_MILLIS,
    expandLevel: checked.expandLevel ?? DEFAULT_EXPAND_LEVEL,
    sampler: reason === '' && checked.sampler === undefined ? readSampler(env, warnings) : undefined,
    warnings,
  };
}

function disabledReason(env: Environment, warnings: string[]): string {
  const value = env['GPUSPAN'] ?? '';
  switch (value.trim().toLowerCase()) {
    case '1':
    case 'true':
      break;
    case '':
      return 'GPUSPAN is not set';
    case '0':
    case 'false':
      return `GPUSPAN is ${value}`;
    default:
      warnings.push(`GPUSPAN=${JSON.stringify(value)} is neither 1, true, 0 nor false: tracing stays off`);
      return `GPUSPAN is ${JSON.stringify(value)}, which is neither 1 nor true`;
  }
  return env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true' ? 'OTEL_SDK_DISABLED is true' : '';
}

function identify({ worker = {} }: StartOptions): NativeIdentity {
  return {
    label: worker.label ?? (isMainThread ? 'main' : 'worker'),
    threadId,
    tpRank: worker.tpRank ?? -1,
    ppRank: worker.ppRank ?? -1,
    dpRank: worker.dpRank ?? -1,
    epRank: worker.epRank ?? -1,
    gpuIndex: worker.gpuIndex ?? -1,
    gpuUuid: worker.gpuUuid ?? '',
  };
}

/** Reads variables: empty is unset, what does not fit is told and ignored. */
class Variables {
  constructor(
    private readonly env: Environment,
    private readonly warnings: string[],
  ) {}

  text(name: string): string | undefined {
    return this.env[name] || undefined;
  }

  list(name: string): string[] | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const names = value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (names.length > 0) return names;
    this.refuse(name, value, 'a comma-separated list of module names', 'all modules');
    return undefined;
  }

  integer(name: string, check: { accepts(value: unknown): boolean; range: string }, fallback: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const parsed = /^\s*\d+\s*$/.test(value) ? Number(value) : Number.NaN;
    if (check.accepts(parsed)) return parsed;
    this.refuse(name, value, check.range, String(fallback));
    return fallback;
  }

  choice<T extends string>(name: string, check: { accepts(value: unknown): boolean; range: string }, fallback: T): T {
    const value = this.text(name)?.trim();
    if (value === undefined) return fallback;
    if (check.accepts(value)) return value as T;
    this.refuse(name, value, check.range, fallback);
    return fallback;
  }

  fileName(name: string): string | undefined {
    const value = this.text(name);
    if (value === undefined || isFileName(value)) return value;
    this.refuse(name, value, FILE_NAME_RANGE, 'no file');
    return undefined;
  }

  private refuse(name: string, value: string, range: string, used: string): void {
    this.warnings.push(`${name}=${JSON.stringify(value)} is not ${range}; using ${used}`);
  }
}
