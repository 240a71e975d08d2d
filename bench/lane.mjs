// SPDX-License-Identifier: Apache-2.0
//
// A lane without a tracer, for the questions about the read side: the addon is called as lib/ does it, and nothing
// reads the ring but the question itself.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const RING_SLOTS = 65_536;
export const SLOT_BYTES = 64;

/** The process's segment, this thread's lane and one request in it. */
export function openLane() {
  const { loadNative, NONE, SCRATCH } = require('../dist/native.js');
  const loaded = loadNative();
  if (!('native' in loaded)) throw new Error(`no addon: ${loaded.reason}`);
  const { native } = loaded;
  native.open({
    lanes: 8,
    ringSlots: RING_SLOTS,
    requestTtlMillis: 0,
    clock: 'auto',
    directory: '',
    device: 'none',
    cudaLibrary: '',
  });
  const ranks = { tpRank: -1, ppRank: -1, dpRank: -1, epRank: -1, gpuIndex: -1, gpuUuid: '' };
  const { lane, scratch } = native.attach({ label: 'bench', threadId: 0, ...ranks });
  const module = native.intern('module', 0, 0, 'bench').id;
  const stage = native.intern('stage', module, 1, 'forward').id;
  new Uint8Array(scratch).fill(0, 0, 64);
  const request = native.requestStart(2, 0);
  if (request === NONE) throw new Error('no room for a request');
  const view = new DataView(scratch);
  /** Ends a slice with the payload items that `write(view, at)` writes; it returns their length. */
  const endWith = (token, write) => {
    view.setInt32(SCRATCH.integer, token, true);
    view.setUint16(SCRATCH.bytes, write(view, SCRATCH.payload), true);
    native.endPlaced();
  };
  return { native, lane, where: (request << 16) | stage, endWith };
}

function openAs(Pipeline, native) {
  const { LiveSource } = require('../dist/segment/live-source.js');
  const { resourceFromAttributes } = require('@opentelemetry/resources');
  const resource = resourceFromAttributes({ 'service.name': 'bench' });
  return new Pipeline(new LiveSource(native), {
    resource,
    scope: { name: 'gpuspan', version: '0' },
    expandLevel: 2,
  });
}

/** The pipeline whose spans are objects, over the live segment. */
export function openPipeline(native) {
  return openAs(require('../dist/spans/pipeline.js').SpanPipeline, native);
}

/** The one whose spans are OTLP requests. */
export function openOtlpPipeline(native) {
  return openAs(require('../dist/otlp/pipeline.js').OtlpPipeline, native);
}

/** Marks as read what the pipeline has read. */
export function advance(native, batch) {
  for (const { lane, low, high, slices, owners } of batch.lanes) native.advance(lane, low, high, slices, owners);
}
