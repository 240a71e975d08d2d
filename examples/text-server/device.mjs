// SPDX-License-Identifier: Apache-2.0
//
// Opens the device of the worker process: the addon of native/ on OpenCL, on CUDA (real or simulated) or on plain threads.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export const DEVICES = ['auto', 'cuda', 'opencl', 'sim', 'threads'];

/** native/forward.cu, as setup.mjs had it compiled where there is nvcc. */
export const KERNELS = fileURLToPath(new URL('native/build/forward.fatbin', import.meta.url));

/**
 * @typedef {object} Device
 * @property {string} kind
 * @property {string} name
 * @property {number} maxBatch
 * @property {(hidden: Int8Array, seeds: Uint32Array, trace: bigint) => unknown} launch returns at once, with a job
 * @property {(job: unknown) => Promise<Int32Array>} wait settles when the device has computed the job
 */

/**
 * @param {string} kind one of DEVICES; `auto` is OpenCL where there is a device for it
 * @param {Pick<import('./model/model.mjs').Model, 'weights' | 'noise'>} model
 * @returns {Device}
 */
export function openDevice(kind, { weights, noise }) {
  const addon = createRequire(import.meta.url)('./native/build/Release/text_server_device.node');
  const kernels = existsSync(KERNELS) ? readFileSync(KERNELS) : undefined;
  const open = (chosen) => ({ ...addon.open(chosen, weights, noise, kernels), maxBatch: addon.maxBatch });
  if (kind !== 'auto') return open(kind);
  try {
    return open('opencl');
  } catch (error) {
    console.error(`text-server: ${error.message}; computing on threads`);
    return open('threads');
  }
}
