// SPDX-License-Identifier: Apache-2.0
//
// Records into an exporter object of the application's and ends as its argument says. The last line on stdout is
// what the exporter got.
const { writeSync } = require('node:fs');
const { Worker } = require('node:worker_threads');
const { recordRequests, startTracing } = require('./record.cjs');

const seen = { exports: 0, spans: new Set(), mostSpans: 0, inFlight: 0, mostInFlight: 0, shutdowns: 0 };

/** Answers after `delayMillis`; 0: at once. */
function exporterOf(delayMillis) {
  return {
    export(spans, done) {
      seen.exports++;
      seen.mostSpans = Math.max(seen.mostSpans, spans.length);
      seen.mostInFlight = Math.max(seen.mostInFlight, ++seen.inFlight);
      for (const span of spans) seen.spans.add(span.spanContext().spanId);
      const answer = () => {
        seen.inFlight--;
        done({ code: 0 });
      };
      if (delayMillis === 0) answer();
      else setTimeout(answer, delayMillis);
    },
    async shutdown() {
      seen.shutdowns++;
    },
  };
}

function report() {
  writeSync(1, `${JSON.stringify({ ...seen, spans: seen.spans.size })}\n`);
}

const ends = {
  natural: () => recordRequests(startTracing({ exporter: exporterOf(20) }), 10, 5),
  never: () => {
    const exporter = { export: () => undefined, shutdown: async () => undefined };
    recordRequests(startTracing({ exporter, exitTimeoutMillis: 300 }), 400, 20); // many exports
  },
  refused: () => {
    const exporter = exporterOf(0);
    const refusing = { ...exporter, export: (spans, done) => exporter.export(spans, () => done({ code: 1 })) };
    recordRequests(startTracing({ exporter: refusing }), 10, 5);
  },
  exit: () => {
    const tracer = startTracing({ exporter: exporterOf(0) });
    recordRequests(tracer, 10, 5);
    process.on('exit', report); // after the tracer's own handler
    process.exit(0);
  },
  shutdown: async () => {
    const tracer = startTracing({ exporter: exporterOf(5) });
    recordRequests(tracer, 400, 20);
    await tracer.shutdown();
    await tracer.shutdown();
  },
  'other-thread': () => {
    const tracer = startTracing({ exporter: exporterOf(1) });
    new Worker(require.resolve('./record-once.cjs')).on('exit', async () => {
      await tracer.flush();
      await tracer.shutdown();
    });
  },
};

if (process.argv[2] !== 'exit') process.on('exit', report);
ends[process.argv[2]]();
