// SPDX-License-Identifier: Apache-2.0
//
// `stage.wrap(fn)`: a function that does what `fn` does, in a slice of the ambient request. Wrapping is set-up and
// happens on any thread, before or after `start()`; calling what came of it is the record path.
import { ambientRequest } from './ambient';
import { GpuspanError } from './errors';
import type { Request } from './request';
import type { Stage } from './stage';

type AnyFunction = (...values: never[]) => unknown;

/** @throws GpuspanError `GPUSPAN_STAGE`: `fn` is no function. */
export function wrapFunction<F extends AnyFunction>(stage: Stage, fn: F): F {
  if (typeof fn !== 'function') {
    throw new GpuspanError(
      'GPUSPAN_STAGE',
      `wrap() of stage '${stage.module}.${stage.name}' takes a function, got ${typeof fn}`,
    );
  }
  // A method, because it has `this` and cannot be called with `new`.
  const { wrapper } = {
    // The arguments are only spread here, so that V8 forwards them without an array: that is what it costs when off.
    wrapper(this: unknown, ...values: never[]): unknown {
      const request = ambientRequest();
      if (request === undefined || stage.gate > request.level) return fn.call(this, ...values);
      return callWithin(request, stage, fn, this, ...values);
    },
  };
  // So that those who ask see the same kind of function: asynchronous, generator or plain.
  Object.setPrototypeOf(wrapper, Object.getPrototypeOf(fn));
  for (const name of ['name', 'length'] as const) {
    const own = Object.getOwnPropertyDescriptor(fn, name);
    if (own !== undefined) Object.defineProperty(wrapper, name, own);
  }
  return wrapper as unknown as F;
}

function callWithin(request: Request, stage: Stage, fn: AnyFunction, self: unknown, ...values: never[]): unknown {
  return request.slice(stage, () => Reflect.apply(fn, self, values));
}
