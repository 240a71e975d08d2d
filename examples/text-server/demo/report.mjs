// SPDX-License-Identifier: Apache-2.0
//
// What the demo says of GPU times and of the losses of both processes. Called by demo.mjs once everything has been
// delivered; the table of stages is `gpuspan report`'s.

/** By `gpu.time.source`. */
const HOW_MEASURED = {
  opencl: 'measured on a real OpenCL runtime',
  'cuda-event': 'measured by events of a real CUDA driver',
  simulated: 'simulated, not measured',
};

/**
 * Where the times of GPU slices come from, and how far off they may be.
 * @param {readonly import('gpuspan/testing').ReceivedSpan[]} spans
 * @param {string} device what computed, and on what
 */
export function describeGpuTimes(spans, device) {
  const slices = spans.filter(({ attributes }) => 'gpu.time.source' in attributes);
  if (slices.length === 0) return 'none, no GPU stream was used';
  const sources = new Set(slices.map(({ attributes }) => attributes['gpu.time.source']));
  const bounds = slices.map(({ attributes }) => Number(attributes['gpu.time.bound_ns']) / 1e3).sort((a, b) => a - b);
  const how = [...sources].map((source) => HOW_MEASURED[source] ?? `by ${source}`).join(' and ');
  const [half, most] = [quantile(bounds, 0.5), bounds.at(-1)].map((micros) => micros.toFixed(1));
  return `${how}, ${device}; half of them within ${half} us of the truth, all within ${most} us`;
}

/** Losses by reason, of one process's `tracer.stats()`; empty when nothing was lost. */
export function lossesOf({ lost, lostOwners, reader, inRing }) {
  const all = [...Object.entries(lost), ...Object.entries(lostOwners), ...Object.entries(reader.lost)];
  const rest = [
    ['request, worker and batch spans after reading', reader.lostOwners],
    ['undelivered', inRing + reader.held],
  ];
  return [...all, ...rest].filter(([, count]) => count > 0);
}

/** Nearest rank of sorted values. */
function quantile(sorted, q) {
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)];
}
