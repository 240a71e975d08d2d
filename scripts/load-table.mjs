// SPDX-License-Identifier: Apache-2.0
//
// A stored result of `npm run load` as Markdown, for the docs.

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const millis = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const lossesOf = (lost) =>
  Object.entries(lost)
    .map(([reason, count]) => `${number.format(count)} ${reason}`)
    .join(', ') || 'none';

/**
 * What a run has, as columns. Where nothing is sent there are no bytes.
 * @type {[string, (run: any) => string | number | undefined][]}
 */
const COLUMNS = [
  ['slices/s', ({ rate }) => number.format(rate)],
  ['offered', ({ offered }) => number.format(offered)],
  ['delivered', ({ delivered }) => number.format(delivered)],
  ['lost', ({ lost }) => lossesOf(lost)],
  ['CPU a slice, application thread', ({ appCpuNsPerSlice: nanos }) => nanos && `${number.format(nanos)} ns`],
  ['event loop p99', ({ eventLoopP99Ms: on }) => on && `${millis.format(on)} ms`],
  ['without tracing', ({ eventLoopP99MsOff: off }) => off && `${millis.format(off)} ms`],
  ['most memory', ({ rssMaxMb: most }) => most && `${number.format(most)} MB`],
  ['bytes a span', ({ bytesPerSpan: bytes }) => bytes && number.format(bytes)],
];

export function renderLoad({ peer, peerCpuRatio, peerAtSameRate, ...own }) {
  const runs = [
    [`gpuspan, ${number.format(own.ringSlots)} slots`, own],
    ['SDK, highest rate without drops', peer],
    ['SDK, gpuspan’s rate', peerAtSameRate],
  ].filter(([, run]) => run !== undefined);
  const rows = runs.map(([name, run]) => [name, ...COLUMNS.map(([, cell]) => cell(run) || '')]);
  const lines = [['', ...COLUMNS.map(([title]) => title)], new Array(COLUMNS.length + 1).fill('---'), ...rows];
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const ratio = peerCpuRatio && `\n\nThe SDK takes ${peerCpuRatio.toFixed(1)} times the CPU.`;
  return `${own.machine}; Node ${own.node}; ${own.seconds} s without a break; CPU and event loop: medians of ${2 * own.pairs} with tracing and as many without\n\n${table}${ratio ?? ''}`;
}
