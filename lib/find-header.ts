// SPDX-License-Identifier: Apache-2.0
//
// Finds a header in whatever shape an application has its headers. Pure; loads nothing. Called once a request.

/**
 * Request headers: a plain object in any case with strings or arrays of strings (Node's `req.headers`), a `Headers`
 * instance, a Map, pairs of name and value, or names and values in turn (Node's `req.rawHeaders`).
 */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null | undefined }
  | Iterable<readonly [string, string]>
  | readonly string[];

/** More pairs than an iterator gives of its own accord: servers take some thousands of headers. */
const MAX_PAIRS = 10_000;

/** The same headers, to be read more than once: an iterator (`headers.entries()`) gives its pairs once. Never throws. */
export function keepHeaders(headers: HeaderSource): HeaderSource {
  try {
    return isIterator(headers) ? takeAll(headers as Iterable<string>) : headers;
  } catch {
    return {}; // It threw on the way.
  }
}

function isIterator(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  return typeof (headers as { next?: unknown }).next === 'function' && Symbol.iterator in headers;
}

function takeAll(items: Iterable<string>): string[] {
  const taken: string[] = [];
  for (const item of items) if (taken.push(item) === MAX_PAIRS) break;
  return taken;
}

/** The values of a header, all joined by commas. `name` in lower case. Never throws. */
export function findHeader(headers: unknown, name: string): string | undefined {
  try {
    return typeof headers === 'object' && headers !== null ? lookUp(headers, name) : undefined;
  } catch {
    return undefined; // Not headers after all; a getter or iterator threw.
  }
}

function lookUp(headers: object, name: string): string | undefined {
  // The usual case at once; a name that is there without a value must not hide the same name in another case.
  const exact = Object.hasOwn(headers, name) ? toText((headers as Record<string, unknown>)[name]) : undefined;
  if (exact !== undefined) return exact;
  if (typeof Headers === 'function' && headers instanceof Headers) return headers.get(name) ?? undefined;
  const pairs = Symbol.iterator in headers ? pairUp(headers as Iterable<unknown>) : matching(headers, name);
  const found: string[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || pair[0].toLowerCase() !== name) continue;
    const value = toText(pair[1]);
    if (value !== undefined) found.push(value);
  }
  if (found.length > 0) return found.join(',');
  return 'get' in headers && typeof headers.get === 'function' ? toText(headers.get(name)) : undefined;
}

/** Reads no other property: a getter of another name may throw. */
function matching(headers: object, name: string): unknown[] {
  const names = Object.keys(headers).filter((key) => key.toLowerCase() === name);
  return names.map((key) => [key, (headers as Record<string, unknown>)[key]]);
}

/** Node's `rawHeaders` are one list of names and values in turn. */
function pairUp(items: Iterable<unknown>): Iterable<unknown> {
  if (!Array.isArray(items) || typeof items[0] !== 'string') return items;
  return Array.from({ length: items.length >> 1 }, (_, index) => items.slice(index * 2, index * 2 + 2));
}

function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((item) => typeof item === 'string') && value.length > 0
    ? value.join(',')
    : undefined;
}
