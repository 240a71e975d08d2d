// SPDX-License-Identifier: Apache-2.0
//
// Level and modules as they are at run time. The process holds them (native/core/settings.h); each environment follows
// a change when it next starts or adopts a request, and keeps here what it follows. One an environment, on its thread.
import { GpuspanError } from './errors';
import type { Native } from './native';
import { OPTION_CHECKS, show } from './options';
import { gateDeclarations, LEVELS, type Level } from './stage';
import { warnOnce } from './warn';

/** Modules of requests are few names in code; whoever makes them up at run time must not fill the dictionary. */
const MAX_KNOWN = 64;

/** Modules that are on; undefined: every one. */
export type Modules = ReadonlySet<string> | undefined;

interface Values {
  readonly level: 0 | Level;
  readonly modules: Modules;
}

export class Settings {
  /** Level of new requests on this thread, as last followed; 0: they are inert. */
  level: 0 | Level;
  /** @internal As `level`. */
  modules: Modules;
  private readonly started: Values;
  /** Modules of requests that the dictionary has: known, as those of stages are. */
  private readonly known = new Set<string>();

  /** `level` and `modules`: what this environment started with, in force until somebody changes them. */
  constructor(
    private readonly native: Native,
    level: 0 | Level,
    modules: Modules,
  ) {
    this.level = level;
    this.modules = modules;
    this.started = { level, modules };
  }

  /** Makes this environment follow the process; when `requestStart` or `requestAdopt` says ASK_AGAIN. */
  follow(): void {
    const { level, modules } = this.read(true);
    this.level = level;
    this.modules = modules;
    gateDeclarations(modules);
  }

  /** As `follow`, if there is something to follow: for who acts on the values before the addon is asked. */
  catchUp(): void {
    if (this.native.settingsChanged()) this.follow();
  }

  /** Whether a request may start here, as one of `module` where that is given. */
  admits(module: string | undefined): boolean {
    if (module !== undefined && !this.known.has(module)) this.know(module);
    if (this.isOn(module)) return true;
    // Nothing that is inert asks the addon, so a change that turns it on would go unnoticed.
    this.catchUp();
    return this.isOn(module);
  }

  /** What is in force in the process now, whether or not this environment follows it already. */
  current(): Values {
    return this.read(false);
  }

  /** @throws GpuspanError `GPUSPAN_OPTION` */
  setLevel(level: 0 | Level): void {
    this.native.setLevel(checkLevel(level));
  }

  /** Returns the names that nobody in this process has declared so far. @throws GpuspanError `GPUSPAN_OPTION` */
  setModules(modules: readonly string[] | undefined): readonly string[] {
    const unknown = this.native.setModules(checkModules(modules));
    for (const name of unknown)
      warnOnce(
        `module ${name}`,
        `setModules: nobody in this process has declared a stage, event or request of module ${JSON.stringify(name)} yet; it is on as soon as somebody does`,
      );
    return unknown;
  }

  private know(module: string): void {
    if (this.known.size >= MAX_KNOWN) return;
    this.known.add(module);
    this.native.intern('module', 0, 0, module);
  }

  private isOn(module: string | undefined): boolean {
    if (this.level === 0) return false;
    return module === undefined || this.modules === undefined || this.modules.has(module);
  }

  private read(apply: boolean): Values {
    const { level, modules } = this.native.settings(apply);
    return {
      level: level ?? this.started.level,
      modules: modules === undefined ? this.started.modules : modules === null ? undefined : new Set(modules),
    };
  }
}

/** Also what a tracer that is off checks, so that the variable is never what breaks a program. */
export function checkLevel(level: unknown): 0 | Level {
  if (level === 0 || LEVELS.includes(level as Level)) return level as 0 | Level;
  throw new GpuspanError('GPUSPAN_OPTION', `setLevel() takes 0 (off), 1, 2, 3 or 4, got ${show(level)}`);
}

/** A copy without repetitions. */
export function checkModules(modules: unknown): readonly string[] | undefined {
  if (modules === undefined) return undefined;
  // Spread, because a hole is no name and `every` passes over it.
  const names: unknown = Array.isArray(modules) ? [...modules] : modules;
  if (OPTION_CHECKS.modules.accepts(names)) return [...new Set(names as readonly string[])];
  throw new GpuspanError(
    'GPUSPAN_OPTION',
    `setModules() takes an array of module names, or undefined for all modules, got ${show(modules)}`,
  );
}
