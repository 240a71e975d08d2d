// SPDX-License-Identifier: Apache-2.0
//
// The demo's tables: time per stage from the spans as they arrived, and the losses of both processes. Called by
// demo.mjs once everything has been delivered.

/** By `gpu.time.source`. */
const HOW_MEASURED = {
  opencl: 'measured on a real OpenCL runtime',
  'cuda-event': 'measured by events of a real CUDA driver',
  simulated: 'simulated, not measured',
};
const SOURCES = { simulated: 'simulated CUDA driver' };
const OWNER_KEYS = ['gpuspan.request.level', 'gpuspan.worker.label', 'gpuspan.batch.size'];

/**
 * One row a stage, each measurement once: a batch slice counts where it was measured, not again for every member.
 * @param {readonly import('gpuspan/testing').ReceivedSpan[]} spans
 */
export function stageTable(spans) {
  const batches = new Set(spans.filter((span) => 'gpuspan.batch.size' in span.attributes).map(({ spanId }) => spanId));
  const isCopy = (span) => span.links.some(({ spanId }) => batches.has(spanId));
  const stages = new Map();
  for (const span of spans) {
    if (OWNER_KEYS.some((key) => key in span.attributes) || isCopy(span)) continue;
    const source = span.attributes['gpu.time.source'];
    const stage = stages.get(span.name) ?? { source, service: span.resource['service.name'], millis: [] };
    stage.millis.push(Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6);
    stages.set(span.name, stage);
  }
  const rows = [...stages].map(([name, { source, service, millis }]) => {
    millis.sort((a, b) => a - b);
    const total = millis.reduce((sum, value) => sum + value);
    const times = [quantile(millis, 0.5), quantile(millis, 0.95), total].map((value) => value.toFixed(3));
    return [
      name,
      source === undefined ? 'host' : `GPU (${SOURCES[source] ?? source})`,
      service,
      String(millis.length),
      ...times,
    ];
  });
  rows.sort((a, b) => a[2].localeCompare(b[2]) || b[1].localeCompare(a[1]) || Number(b[6]) - Number(a[6]));
  return formatTable(['stage', 'where', 'process', 'count', 'p50 ms', 'p95 ms', 'total ms'], rows);
}

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

/** Numbers, which start in the fourth column, to the right. */
function formatTable(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (row) => row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [head, ...rows].map((row) => `  ${line(row)}`).join('\n');
}
