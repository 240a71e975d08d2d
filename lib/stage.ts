// SPDX-License-Identifier: Apache-2.0
//
// Declarations: stages and events, as data, usually at the top of a module and before or after `start()`. Each
// environment (main thread, every worker_thread) keeps its own objects; the names are interned in the process's
// segment when the tracer starts, or at once when it already runs.
import { GpuspanError } from './errors';
import type { Native } from './native';
import { warnOnce } from './warn';
import { wrapFunction } from './wrap';

/** 1 is always worth its cost, 4 is detail for a single investigation. A request records stages up to its own level. */
export type Level = 1 | 2 | 3 | 4;

export const LEVELS: readonly Level[] = [1, 2, 3, 4];

/** Gate of a declaration whose module is off: above every level, and a small integer so that comparing stays cheap. */
export const CLOSED_GATE = 255;

const MAX_NAME_BYTES = 255;

/** A declared kind of slice. Made by `defineStages`. */
export class Stage {
  /** Keeps TypeScript from taking anything of the same shape for a stage. */
  declare protected readonly isStage: true;
  /**
   * The smallest request level at which it records. One plain field, because comparing it is all that a `begin` costs
   * when nothing is recorded.
   * @internal
   */
  gate: number;
  /** @internal Dictionary id; 0 until the tracer has interned it. */
  id = 0;

  constructor(
    readonly module: string,
    readonly name: string,
    readonly level: Level,
  ) {
    this.gate = level;
  }

  /**
   * A function like `fn` that records a slice of the ambient request (`Request.run`), if there is one, around each
   * call, as `Request.slice` does: until it returns, its promise settles, or its generator is done. `this`, arguments,
   * what it returns or throws, `name` and `length` are those of `fn`. Not for constructors: it cannot be called with
   * `new`.
   * @throws GpuspanError `GPUSPAN_STAGE`: `fn` is no function. With tracing on or off.
   */
  wrap<F extends (...values: never[]) => unknown>(fn: F): F {
    return wrapFunction(this, fn);
  }
}

/** A declared kind of event. Made by `defineEvents`. Its fields differ from a stage's so that neither passes as the other. */
export class EventKind {
  /** As `Stage.isStage`. */
  declare protected readonly isEvent: true;
  /** @internal As `Stage.gate`. */
  eventGate: number;
  /** @internal As `Stage.id`. */
  eventId = 0;

  constructor(
    readonly module: string,
    readonly name: string,
    readonly level: Level,
  ) {
    this.eventGate = level;
  }
}

/** What a stage or an event is declared with. */
export interface Declaration {
  readonly level: Level;
}

type Declarations = Readonly<Record<string, Declaration>>;

/** Where names go once the tracer runs. */
interface Binding {
  readonly native: Native;
  /** `undefined`: every module is on. */
  readonly modules: ReadonlySet<string> | undefined;
}

const stages = new Map<string, Stage>();
const events = new Map<string, EventKind>();
let binding: Binding | undefined;

/**
 * Declares the stages of a module. Declaring one again with the same level gives the same object.
 * @throws GpuspanError `GPUSPAN_STAGE`: a bad name or level, or a level that differs from an earlier declaration.
 */
export function defineStages<const T extends Declarations>(
  module: string,
  declarations: T,
): { readonly [K in keyof T]: Stage } {
  return define('stage', module, declarations, stages, (name, level) => new Stage(module, name, level), bindStage);
}

/**
 * Declares the events of a module: instants inside a slice.
 * @throws GpuspanError `GPUSPAN_STAGE`, as `defineStages`.
 */
export function defineEvents<const T extends Declarations>(
  module: string,
  declarations: T,
): { readonly [K in keyof T]: EventKind } {
  return define('event', module, declarations, events, (name, level) => new EventKind(module, name, level), bindEvent);
}

/** Opens and closes the gates of everything declared so far, and from now on of every declaration as it is made. */
export function gateDeclarations(modules: ReadonlySet<string> | undefined): void {
  if (binding === undefined) return;
  binding = { native: binding.native, modules };
  for (const stage of stages.values()) stage.gate = gateOf(stage, binding);
  for (const event of events.values()) event.eventGate = gateOf(event, binding);
}

/** Interns everything declared so far, and from now on every declaration as it is made. */
export function bindDeclarations(native: Native, modules: ReadonlySet<string> | undefined): void {
  binding = { native, modules };
  for (const stage of stages.values()) bindStage(stage, binding);
  for (const event of events.values()) bindEvent(event, binding);
}

function define<T extends Declarations, Kind extends Stage | EventKind>(
  what: 'stage' | 'event',
  module: string,
  declarations: T,
  registry: Map<string, Kind>,
  create: (name: string, level: Level) => Kind,
  bind: (kind: Kind, to: Binding) => void,
): { readonly [K in keyof T]: Kind } {
  checkName('module', module);
  if (typeof declarations !== 'object' || declarations === null) {
    throw new GpuspanError(
      'GPUSPAN_STAGE',
      `the ${what}s of module '${module}' must be an object of { level }, got ${String(declarations)}`,
    );
  }
  // All are checked before any is kept, so that a throw declares nothing.
  for (const [name, declaration] of Object.entries(declarations)) check(what, module, name, declaration, registry);
  const result: Record<string, Kind> = {};
  for (const [name, { level }] of Object.entries(declarations)) {
    const key = `${module}\0${name}`;
    let kind = registry.get(key);
    if (kind === undefined) {
      kind = create(name, level);
      registry.set(key, kind);
      if (binding !== undefined) bind(kind, binding);
    }
    result[name] = kind;
  }
  return Object.freeze(result) as { readonly [K in keyof T]: Kind };
}

function check(
  what: string,
  module: string,
  name: string,
  declaration: Declaration,
  registry: Map<string, Stage | EventKind>,
): void {
  checkName(what, name);
  const level: unknown = (declaration as Declaration | null | undefined)?.level;
  if (!LEVELS.includes(level as Level)) {
    throw new GpuspanError(
      'GPUSPAN_STAGE',
      `${what} '${module}.${name}': level must be 1, 2, 3 or 4, got ${String(level)}`,
    );
  }
  const known = registry.get(`${module}\0${name}`);
  if (known !== undefined && known.level !== level) {
    throw new GpuspanError(
      'GPUSPAN_STAGE',
      `${what} '${module}.${name}' is already declared with level ${known.level}, and now with ${String(level)}`,
    );
  }
}

function checkName(what: string, name: unknown): void {
  if (typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME_BYTES)
    return;
  throw new GpuspanError(
    'GPUSPAN_STAGE',
    `the name of a ${what} must be a string of 1 to ${MAX_NAME_BYTES} bytes without NUL, got ${typeof name === 'string' ? JSON.stringify(name) : typeof name}`,
  );
}

function bindStage(stage: Stage, to: Binding): void {
  const moduleId = to.native.intern('module', 0, 0, stage.module).id;
  const interned = to.native.intern('stage', moduleId, stage.level, stage.name);
  stage.id = interned.id;
  stage.gate = gateOf(stage, to);
  tellConflict('stage', stage, interned);
}

function bindEvent(event: EventKind, to: Binding): void {
  const moduleId = to.native.intern('module', 0, 0, event.module).id;
  const interned = to.native.intern('event', moduleId, event.level, event.name);
  event.eventId = interned.id;
  event.eventGate = gateOf(event, to);
  tellConflict('event', event, interned);
}

function gateOf(kind: Stage | EventKind, to: Binding): number {
  return to.modules === undefined || to.modules.has(kind.module) ? kind.level : CLOSED_GATE;
}

// Native code or another thread came first with another level. Whether that is seen depends on tracing being on, so
// it must not throw.
function tellConflict(
  what: string,
  kind: Stage | EventKind,
  interned: { readonly level: number; readonly conflict: boolean },
): void {
  if (!interned.conflict) return;
  warnOnce(
    `conflict ${what} ${kind.module}.${kind.name}`,
    `${what} '${kind.module}.${kind.name}' is declared with level ${kind.level} here and ${interned.level} elsewhere in this process; JavaScript filters by what it declared, native code by the first declaration`,
  );
}
