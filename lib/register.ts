// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/register`, for `node --import gpuspan/register worker.js`: starts tracing, as the environment says, before the
// program's first line, in the main thread and in each of its worker_threads. Where GPUSPAN is unset it does what
// `start()` does then: nothing.
import { start } from './start';

start();
