// SPDX-License-Identifier: Apache-2.0
//
// The request that the running code belongs to, where `request.run` said so: one store an environment, so that the
// tracer and the wrappers of functions (wrap.ts), which exist before any tracer, look into the same. With tracing off
// there is none, and looking costs one comparison.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Request } from './request';

let store: AsyncLocalStorage<Request> | undefined;

/** Made when this thread's lane is: until then nothing in the process pays for following asynchronous calls. */
export function openAmbient(): AsyncLocalStorage<Request> {
  store ??= new AsyncLocalStorage();
  return store;
}

/** Undefined outside of any `request.run`, and with tracing off. */
export function ambientRequest(): Request | undefined {
  return store?.getStore();
}
