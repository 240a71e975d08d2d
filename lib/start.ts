// SPDX-License-Identifier: Apache-2.0
//
// `start()`: once an environment. Checks the options, and when GPUSPAN enables it, loads the addon, claims this
// thread's lane, binds the declarations and starts delivery, in that order; whatever of it is impossible gives the
// inert tracer with a reason. With tracing off nothing native is loaded and nothing is created.
import { isDeepStrictEqual } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { type Configuration, configure } from './config';
import { fromNative, GpuspanError } from './errors';
import { publishStart } from './diagnostics';
import { watchForgotten } from './expiry';
import { loadPropagation } from './headers';
import { Lane } from './lane';
import { loadNative, type Native } from './native';
import { checkOptions, type StartOptions } from './options';
import { loadContexts } from './parent';
import type { SamplerLike } from './sampling';
import type { LateResource } from './sinks/deferred';
import type { Delivery, DeliveryOptions } from './sinks/delivery';
import { bindDeclarations } from './stage';
import { Tracer } from './tracer';
import { watchUnknownModules } from './unknown-modules';
import { warn, warnOnce } from './warn';

let started: { readonly tracer: Tracer; readonly options: StartOptions } | undefined;

/**
 * Starts tracing on this thread, if `GPUSPAN` enables it; else gives the inert tracer, whose `reason` says why. Once a
 * thread: a second call returns the same tracer.
 * @throws GpuspanError `GPUSPAN_OPTION` for a bad option, with tracing on or off; `GPUSPAN_STARTED` when a second call
 * names an option with another value; `GPUSPAN_SEGMENT` or `GPUSPAN_LANE` when the option `directory` cannot be used.
 */
export function start(options?: StartOptions): Tracer {
  return startOnce(options, undefined).tracer;
}

/**
 * As `start`; delivery waits for `resource`, unless tracing was started before (`first` is false then).
 * @internal
 */
export function startBelowProvider(options: StartOptions | undefined, resource: LateResource): Started {
  return startOnce(options, resource);
}

/**
 * What a call that starts came to.
 * @internal
 */
export interface Started {
  readonly tracer: Tracer;
  readonly first: boolean;
}

function startOnce(options: StartOptions | undefined, resource: LateResource | undefined): Started {
  const checked = checkOptions(options);
  if (started !== undefined) {
    compareOptions(started.options, checked);
    return { tracer: started.tracer, first: false };
  }
  const configuration = configure(checked, process.env);
  const tracer = configuration.enabled ? startLive(configuration, checked, resource) : startInert(configuration);
  started = { tracer, options: checked };
  publishStart(tracer);
  return { tracer, first: true };
}

/** Options that the second call leaves out are as the first said. */
function compareOptions(first: StartOptions, second: StartOptions): void {
  for (const name of Object.keys(second) as (keyof StartOptions)[]) {
    const same =
      name === 'exporter' || name === 'sampler'
        ? first[name] === second[name]
        : isDeepStrictEqual(first[name], second[name]);
    if (same || second[name] === undefined) continue;
    throw new GpuspanError(
      'GPUSPAN_STARTED',
      `start() was called before on this thread with another value of option '${name}'; the first call decides`,
    );
  }
}

function startInert(configuration: Configuration): Tracer {
  for (const warning of configuration.warnings) warnOnce(warning, warning);
  return new Tracer(undefined, configuration.reason);
}

function startLive(configuration: Configuration, options: StartOptions, resource: LateResource | undefined): Tracer {
  const loaded = loadNative();
  if ('reason' in loaded) return inertBecause(loaded.reason);
  const { native } = loaded;
  const opened = openSegment(native, configuration);
  if (opened.reason !== '') return inertBecause(opened.reason);
  // Variables are the process's: the first thread to start tells what is wrong with them.
  for (const warning of configuration.warnings) warnOnce(warning, warning);
  const attached = attach(native, configuration);
  if (typeof attached === 'string') return inertBecause(attached);
  bindDeclarations(native, configuration.modules);
  const sampler = options.sampler ?? namedSampler(configuration);
  const lane = new Lane(native, attached.scratch, configuration.level, configuration.modules, sampler);
  watchForgotten(native, configuration.native.requestTtlMillis);
  const delivery = deliver(native, configuration, options, resource);
  const { exitTimeoutMillis } = configuration;
  if (isMainThread) watchUnknownModules(native, configuration.modules);
  const gpuWanted = configuration.native.device !== 'none';
  const tracer = new Tracer({ lane, delivery, exitTimeoutMillis, gpuWanted }, '');
  // The thread that requests arrive at, most likely: its first one should not wait for modules to load.
  if (isMainThread) {
    setImmediate(() => {
      loadPropagation();
      loadContexts();
    }).unref();
  }
  // A worker_thread's `process` emits it too, when the thread ends by itself.
  process.on('exit', () => {
    tracer.closeAtExit();
    if (isMainThread) native.countUnread();
  });
  return tracer;
}

function inertBecause(reason: string): Tracer {
  warnOnce('inert', `GPUSPAN is set, but nothing is recorded: ${reason}`);
  return new Tracer(undefined, reason);
}

/** A folder from a variable that cannot be used is told, and memory takes its place. */
function openSegment(
  native: Native,
  { native: config, directoryFrom }: Configuration,
): { created: boolean; reason: string } {
  try {
    return { created: native.open(config).created, reason: '' };
  } catch (error) {
    if (directoryFrom === 'option') throw fromNative(error);
    if (directoryFrom === 'default') return { created: false, reason: messageOf(error) };
    const folder = JSON.stringify(config.directory);
    warnOnce(
      'directory',
      `GPUSPAN_DIR=${folder} cannot be used; using memory that ends with the process: ${messageOf(error)}`,
    );
  }
  return openSegment(native, { native: { ...config, directory: '' }, directoryFrom: 'default' } as Configuration);
}

function attach(
  native: Native,
  { identity, directoryFrom }: Configuration,
): { readonly scratch: ArrayBuffer } | string {
  try {
    return native.attach(identity);
  } catch (error) {
    // All lanes taken is a matter of load, not of code; a full folder that code asked for is.
    if (directoryFrom === 'option') throw fromNative(error);
    return messageOf(error);
  }
}

// As the next, and only where a sampler is named. One that cannot be had is told; the default needs none.
function namedSampler({ sampler }: Configuration): SamplerLike | undefined {
  if (sampler === undefined) return undefined;
  try {
    const { makeSampler } = require('./otel/sampler') as typeof import('./otel/sampler');
    return makeSampler(sampler.name, sampler.ratio);
  } catch (error) {
    warnOnce('sampler', `OTEL_TRACES_SAMPLER=${sampler.name} is ignored: ${messageOf(error)}`);
    return undefined;
  }
}

// Loaded here, so that a process with tracing off does not load it.
function deliver(
  native: Native,
  configuration: Configuration,
  options: StartOptions,
  resource: LateResource | undefined,
): Delivery {
  const { expandLevel, exitTimeoutMillis, file, identity } = configuration;
  const { startDelivery } = require('./sinks/start-delivery') as typeof import('./sinks/start-delivery');
  const { exporter, serviceName, resourceAttributes } = options;
  const order = {
    exporter: exporter as DeliveryOptions['exporter'],
    trace: file === undefined ? undefined : { path: file, worker: identity },
    serviceName,
    resourceAttributes,
    expandLevel,
    exitTimeoutMillis,
    warn,
  };
  return startDelivery(native, order, resource);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
