// SPDX-License-Identifier: Apache-2.0
//
// What a caller of the level handler asks for, read out of a query or a JSON body and applied. Nothing of it is trusted.
import type { Level } from './stage';
import type { Tracer } from './tracer';

/** What is asked for; absent: to stay as it is. Modules null: every one. */
export interface LevelChange {
  readonly level?: 0 | Level;
  readonly modules?: readonly string[] | null;
}

/** The handler's answer. Modules null: every one. */
export interface LevelAnswer {
  readonly level: { readonly before: number; readonly after: number };
  readonly modules: { readonly before: readonly string[] | null; readonly after: readonly string[] | null };
  /** Modules that nobody in this process has declared so far. */
  readonly unknown: readonly string[];
}

/** A value that makes no sense: its message goes to the caller. */
export class RefusedChange extends Error {}

const MAX_MODULES = 256;
const MAX_NAME_LENGTH = 255;
const ALL = 'all';

/** `level=N&modules=a,b`; modules empty or `all`: every one. @throws RefusedChange */
export function readQuery(query: URLSearchParams): LevelChange {
  const level = single(query, 'level');
  const modules = single(query, 'modules');
  return {
    ...(level !== undefined && { level: toLevel(/^\d+$/.test(level) ? Number(level) : level) }),
    ...(modules !== undefined && { modules: toModules(modules) }),
  };
}

/** `{ level, modules }` of a parsed body. @throws RefusedChange */
export function readBody(body: unknown): LevelChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RefusedChange('the body must be a JSON object {"level": 0 to 4, "modules": [names]}');
  }
  for (const name of Object.keys(body)) {
    if (name !== 'level' && name !== 'modules')
      throw new RefusedChange(`the body has ${show(name)}; known: level, modules`);
  }
  const { level, modules } = body as Record<string, unknown>;
  return {
    ...(level !== undefined && { level: toLevel(level) }),
    ...(modules !== undefined && { modules: toModules(modules) }),
  };
}

/** Applies it, all or nothing of it being valid already, and says what is in force then. */
export function applyChange(tracer: Tracer, { level, modules }: LevelChange): LevelAnswer {
  const before = { level: tracer.level, modules: tracer.modules ?? null };
  if (level !== undefined) tracer.setLevel(level);
  const unknown = modules === undefined ? [] : tracer.setModules(modules ?? undefined);
  return {
    level: { before: before.level, after: tracer.level },
    modules: { before: before.modules, after: tracer.modules ?? null },
    unknown,
  };
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw new RefusedChange(`${name} is given ${values.length} times; give it once`);
  return values[0];
}

function toLevel(level: unknown): 0 | Level {
  if (Number.isInteger(level) && (level as number) >= 0 && (level as number) <= 4) return level as 0 | Level;
  throw new RefusedChange(`level must be an integer from 0 (off) to 4, got ${show(level)}`);
}

function toModules(modules: unknown): readonly string[] | null {
  if (modules === null || modules === ALL || modules === '') return null;
  const names: unknown = typeof modules === 'string' ? modules.split(',').map((name) => name.trim()) : modules;
  if (Array.isArray(names) && names.length <= MAX_MODULES && names.every(isName)) return names as string[];
  throw new RefusedChange(
    `modules must be at most ${MAX_MODULES} names of 1 to ${MAX_NAME_LENGTH} characters, or null for all, got ${show(modules)}`,
  );
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && name.length <= MAX_NAME_LENGTH && !name.includes('\0');
}

/** A value of a stranger's for a message. */
function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? String(value);
}
