// SPDX-License-Identifier: Apache-2.0
//
// What a scope helper's body returned, when that goes on after the return: a promise, or a generator. The scope (a
// slice, or a request) then ends when the promise settles or the generator is done. Used by `slice`, `trace` and
// `wrap`, on the thread that opened the scope. Throws only what the application's own code throws.

/** How a scope ends: exactly one of the two is called, once. */
export interface Closing {
  /** The body returned, resolved, or was left early (`break` out of a loop over it). */
  done(): void;
  failed(error: unknown): void;
}

interface Step {
  readonly done?: boolean;
}

/** The three methods that drive a generator; an asynchronous one gives promises of steps. */
interface Driven {
  next(...values: readonly unknown[]): unknown;
  return(value: unknown): unknown;
  throw(error: unknown): unknown;
}

/** Whether the scope is to stay open: then `closeLater` says what takes the place of `result`. */
export function goesOn(result: unknown): result is object {
  return typeof result === 'object' && result !== null && (isThenable(result) || generatorTag(result) !== undefined);
}

/** Ends the scope when `result`, of which `goesOn` holds, is over. Returns what the caller gets in its place. */
export function closeLater(result: object, closing: Closing): unknown {
  if (!isThenable(result)) return follow(result as Driven, generatorTag(result) === ASYNC, closing);
  return result.then(
    (value) => {
      closing.done();
      return value;
    },
    (error: unknown) => {
      closing.failed(error);
      throw error;
    },
  );
}

const SYNC = 'Generator';
const ASYNC = 'AsyncGenerator';

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** By the tag, which what a compiler made of a generator function has as well. An iterator that is none is a value. */
function generatorTag(value: object): typeof SYNC | typeof ASYNC | undefined {
  try {
    const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    return tag === SYNC || tag === ASYNC ? tag : undefined;
  } catch {
    // A value that cannot be asked is the application's business: it is passed on as it is.
    return undefined;
  }
}

/**
 * A generator that stands for `inner`: its methods drive it and watch for its end. Not a generator function of our
 * own around it: the `return` of one that was never started would not run, so that neither `inner` nor the scope
 * would end. With the prototype of `inner`, so that `instanceof`, iterator helpers and `using` see what they did.
 */
function follow(inner: Driven, asynchronous: boolean, closing: Closing): Driven {
  let open = true;
  const end = (): void => {
    if (open) closing.done();
    open = false;
  };
  const fail = (error: unknown): never => {
    if (open) closing.failed(error);
    open = false;
    throw error;
  };
  const watch = (step: unknown): unknown => {
    if ((step as Step | undefined)?.done === true) end();
    return step;
  };
  const drive = (method: 'next' | 'return' | 'throw', values: readonly unknown[]): unknown => {
    let step: unknown;
    try {
      step = (inner[method] as (...values: readonly unknown[]) => unknown)(...values);
    } catch (error) {
      return fail(error);
    }
    return asynchronous ? (step as PromiseLike<unknown>).then(watch, fail) : watch(step);
  };
  return Object.assign(Object.create(Object.getPrototypeOf(inner)), {
    next: (...values: readonly unknown[]) => drive('next', values),
    return: (...values: readonly unknown[]) => drive('return', values),
    throw: (...values: readonly unknown[]) => drive('throw', values),
  });
}
