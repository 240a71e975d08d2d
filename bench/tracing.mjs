// SPDX-License-Identifier: Apache-2.0
//
// What the questions with tracing on share: a tracer whose exporter takes every span and does nothing, the drain
// between samples, and the proof that the measured loop recorded what it claims to.
import { createRequire } from 'node:module';
import { defineStages, start } from 'gpuspan';

const require = createRequire(import.meta.url);

/** As many requests and stages as a loop picks from, so that no call has a constant argument. */
export const REQUESTS = 64;
export const STAGES = 8;

const declarations = Array.from({ length: STAGES }, (_, index) => [`stage_${index}`, { level: 1 }]);
// Untyped, because the loops read `gate`, which is internal.
/** @type {any[]} */
export const stages = Object.values(defineStages('bench', Object.fromEntries(declarations)));

/** An exporter that is done at once: it costs what any exporter's interface costs, and nothing more. */
export const DISCARD = {
  export: (_spans, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
  forceFlush: () => Promise.resolve(),
};

/** Tracing on. Throws where it is not: a bench of the inert twin would show wonderful figures. */
export function startTracing(options = {}) {
  const tracer = start({ serviceName: 'bench', exporter: DISCARD, ...options });
  if (!tracer.enabled) throw new Error(`tracing is off: ${tracer.reason}`);
  return tracer;
}

export function startRequests(tracer) {
  return Array.from({ length: REQUESTS }, (_, index) => tracer.request({ id: `r${index}` }));
}

/** The process's clock; the settings given here are ignored because the segment exists. */
export function clockName() {
  const { native } = require('../dist/native.js').loadNative();
  const config = {
    lanes: 2,
    ringSlots: 64,
    requestTtlMillis: 0,
    clock: 'auto',
    directory: '',
    device: 'none',
    cudaLibrary: '',
  };
  return native.open(config).clock;
}

/** Throws unless exactly `expected` slices were recorded and delivered, and none lost: else the drop path was measured. */
export async function requireDelivered(tracer, expected) {
  await tracer.flush();
  const { recorded, lost, reader } = tracer.stats();
  const losses = Object.entries({ ...lost, ...reader.lost });
  if (recorded === expected && reader.delivered === expected && losses.length === 0) return;
  throw new Error(
    `recorded ${recorded}, delivered ${reader.delivered}, expected ${expected}; lost ${JSON.stringify(losses)}`,
  );
}
