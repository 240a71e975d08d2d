// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/stages`: the stages and events of a model server, declared and ready to record, with the names and levels
// that SGLang's users know. Importing it is all it takes; with tracing off that declares a few dozen small objects.
// Application code that wants `request.begin(stages.request.tokenize)` writes `import * as stages from 'gpuspan/stages'`.
import { defineEvents, defineStages } from '../stage';
import * as entries from './entries';

export { CATALOGUE, type CatalogueEntry } from './catalogue';
export type { GenAiFacts, GenAiLatency, GenAiOptions, GenAiRequest, GenAiResponse, GenAiUsage } from './gen-ai';
export { genAiAttributes } from './gen-ai';

/** Between the client and the scheduler. Module `request`. */
export const request = defineStages('request', entries.REQUEST);
/** The prompt's pass through the model; prefill workers. Module `request`. */
export const prefill = defineStages('request', entries.PREFILL);
/** Token by token; decode workers. Module `request`. */
export const decode = defineStages('request', entries.DECODE);
/** Speculative decoding. Module `request`. */
export const speculative = defineStages('request', entries.SPECULATIVE);
/** Pipeline parallelism. Module `request`. */
export const pipeline = defineStages('request', entries.PIPELINE);
/** Around and on the GPU. Module `gpu`. */
export const gpu = defineStages('gpu', entries.GPU);
/** KV cache between machines. Module `mooncake`. */
export const kvTransfer = defineStages('mooncake', entries.KV_TRANSFER);
/** KV cache on storage. Module `hicache`. */
export const cache = defineStages('hicache', entries.CACHE);
/** Images and video. Module `diffusion`. */
export const diffusion = defineStages('diffusion', entries.DIFFUSION);
/** Before the first request. Module `startup`. */
export const startup = defineStages('startup', entries.STARTUP);
/** Instants of a request. Module `request`. */
export const events = defineEvents('request', entries.EVENTS);
