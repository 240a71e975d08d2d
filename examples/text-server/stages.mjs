// SPDX-License-Identifier: Apache-2.0
//
// Everything the two processes measure, declared once, as data. The level says what a stage costs in volume: 1 is a
// few a request, 2 a few a decode step, 3 detail. The device's stages are declared where they are recorded, in native/.

import { defineEvents, defineStages } from 'gpuspan';

export const serverStages = defineStages('server', {
  tokenize: { level: 1 },
  dispatch: { level: 1 },
  detokenize: { level: 2 },
  stream_write: { level: 2 },
});

export const workerStages = defineStages('worker', {
  queue_wait: { level: 1 },
  prefill: { level: 1 },
  decode: { level: 1 },
  decode_step: { level: 2 },
  draft: { level: 3 },
  launch: { level: 2 },
  wait_gpu: { level: 2 },
});

export const workerEvents = defineEvents('worker', {
  first_token: { level: 1 },
  cancelled: { level: 1 },
});
