// SPDX-License-Identifier: Apache-2.0
//
// What the scripts of this folder have in common: starting with a deadline that a loaded machine keeps, and
// recording requests of which every span is known.
const { defineStages, start } = require('gpuspan');

const stages = defineStages('test', { outer: { level: 1 }, inner: { level: 1 } });

exports.stages = stages;

exports.startTracing = (options = {}) =>
  start({ exitTimeoutMillis: Number(process.env.TEST_EXIT_TIMEOUT ?? 30_000), ...options });

/** Each request: root span, worker span, and `slices` slices `outer`, each with an `inner`. */
exports.recordRequests = (tracer, requests, slices) => {
  for (let i = 0; i < requests; i++) {
    const request = tracer.request();
    for (let j = 0; j < slices; j++) {
      const outer = request.begin(stages.outer);
      request.end(request.begin(stages.inner));
      request.end(outer);
    }
    request.finish();
  }
};
