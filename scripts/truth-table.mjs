// SPDX-License-Identifier: Apache-2.0
//
// The JSON that `npm run truth:opencl` and `npm run truth` write (`-- --json FILE`), as Markdown. Used by scripts/write-docs.mjs.

function micros(ns) {
  return `${(ns / 1000).toFixed(2)} us`;
}

function row(what, { p50, p99, max }) {
  return `| ${what} | ${micros(p50)} | ${micros(p99)} | ${micros(max)} |`;
}

/** What was run and found, then one line a quantity. */
export function renderTruth(result) {
  const kernels = result.kernels.toLocaleString('en');
  const within = (count) => `${count.toLocaleString('en')} of ${kernels}`;
  const facts = [
    `\`${result.command}\`: ${result.device}; ${result.cores} cores, ${result.kernel}`,
    '',
    `- ${kernels} kernels in ${(result.seconds / 60).toFixed(2)} minutes on ${result.queues} queues of ${result.threads} threads`,
    `- device idle for more than 3 s: ${result.idle_gaps_over_3s} times, at most ${result.longest_idle_s} s`,
    `- within their bound: ${within(result.starts_within)} starts, ${within(result.ends_within)} ends`,
    `- largest error as a part of its bound: ${result.largest_error_of_bound}; clamped slices: ${result.clamped}`,
    `- \`CLOCK_MONOTONIC\` ran ${result.drift_ppm} ppm faster than the device's clock`,
  ];
  const rows = [
    row('error, the worse end', result.error_ns),
    row('bound', result.bound_ns),
    row('error of the duration', result.duration_error_ns),
    row('truth known within', result.truth_ns),
  ];
  return [...facts, '', '| | p50 | p99 | max |', '|---|---|---|---|', ...rows].join('\n');
}

function worldsRow(what, figures) {
  const coverage = `${(100 * figures.coverage).toFixed(3)} %`;
  const nanos = [figures.medianErrorNs, figures.p999ErrorNs, figures.medianBoundNs].map(micros);
  const counts = [figures.stamps, figures.outside].map((count) => count.toLocaleString('en'));
  const duration = micros(figures.worstDurationErrorNs);
  return `| ${[what, counts[0], coverage, counts[1], ...nanos, figures.worstOracleRatio.toFixed(2), duration].join(' | ')} |`;
}

/** The figures of simulated worlds: one line of all, two of the quiet day; then what is outside without a reason. */
export function renderWorlds(result) {
  const head = ['', 'times', 'within', 'outside', 'error p50', 'p99.9', 'bound p50', 'widest/oracle', 'duration error'];
  const worlds = result.worlds.toLocaleString('en');
  return [
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    worldsRow(`${worlds} random worlds`, result),
    worldsRow('quiet world, minute 1', result.quiet.minute1),
    worldsRow('quiet world, hour 24', result.quiet.hour24),
    '',
    `Outside their bound and not soon after a change of the host clock's rate: ${result.unexplained} times.`,
  ].join('\n');
}
