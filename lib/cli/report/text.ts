// SPDX-License-Identifier: Apache-2.0
//
// A report as text for a terminal. Called by `gpuspan report`, and for its stages by `gpuspan receive`. Pure.
import type { FileAccount } from '../input/otlp-file';
import type { GpuSummary } from '../model/gpu-streams';
import type { Quantiles } from '../model/histogram';
import type { ShownRequest } from '../model/shown-requests';
import type { StageSummary } from '../model/stages';
import type { SummaryData } from '../model/summary';
import { fileProblems } from './file-problems';
import { counted, formatMillis, formatNanos, formatPercent, formatTable, printable } from './format';
import type { Report } from './make-report';

const MAX_PATH_STEPS = 6;

/** Ends with a newline. Of what is shown, it has the first `slowest` requests. */
export function reportText(report: Report, slowest: number): string {
  const { summary } = report;
  const parts = [
    ...report.files.map(fileLines),
    headline(summary),
    stageTable(summary.stages),
    batchLine(summary),
    gpuLines(summary.gpu),
    slowestLines(report.shown.slice(0, slowest)),
    lossLine(summary),
    flagLine(summary),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function fileLines(file: FileAccount): string {
  const head = `${printable(file.path, 200)}: ${counted(file.spans, 'span')}`;
  return [[head, ...fileProblems(file)].join(', '), ...file.notes.map((note) => `  ${printable(note, 200)}`)].join(
    '\n',
  );
}

function headline({ requests, startUnixNano, endUnixNano }: SummaryData): string {
  const period = formatNanos(Number(BigInt(endUnixNano) - BigInt(startUnixNano)));
  const { count, errors, durationNanos } = requests;
  const failed = errors > 0 ? `, ${errors} with an error` : '';
  if (count === 0) return `no requests in ${period}`;
  return `${counted(count, 'request')} in ${period}${failed}: ${quantileText(durationNanos)}`;
}

function quantileText({ p50, p90, p99, max, exact }: Quantiles, format = formatNanos): string {
  const about = exact ? '' : ' (within 0.5 %)';
  return `p50 ${format(p50)}, p90 ${format(p90)}, p99 ${format(p99)}, most ${format(max)}${about}`;
}

/** Milliseconds; a share is left out where none is known. */
export function stageTable(stages: readonly StageSummary[]): string {
  const measured = stages.filter(({ durationNanos }) => durationNanos.count > 0);
  const rows = measured.map(({ name, where, source, service, durationNanos: time, share }) => [
    printable(name),
    where === 'host' ? 'host' : `GPU (${printable(source ?? '?', 16)})`,
    printable(service, 24),
    String(time.count),
    ...[time.p50, time.p90, time.p99, time.total].map(formatMillis),
    share === undefined ? '-' : formatPercent(share),
  ]);
  const head = ['stage', 'where', 'service', 'count', 'p50 ms', 'p90 ms', 'p99 ms', 'total ms', 'of requests'];
  return rows.length === 0 ? '' : formatTable(head, rows, 3);
}

function batchLine({ batches: { count, size, durationNanos } }: SummaryData): string {
  if (count === 0) return '';
  const plain = (value: number) => String(Math.round(value));
  return `${count} ${count === 1 ? 'batch' : 'batches'}: members ${quantileText(size, plain)}; duration ${quantileText(durationNanos)}`;
}

function gpuLines(gpu: GpuSummary | undefined): string {
  if (gpu === undefined) return '';
  const rows = gpu.devices.flatMap((device) => [
    deviceRow(printable(device.device), device.slices, device, formatNanos(device.overlapNanos)),
    ...device.streams.map((stream) =>
      deviceRow(
        `  stream ${printable(stream.stream, 12)} of ${printable(stream.service, 24)}`,
        stream.slices,
        stream,
        '',
      ),
    ),
  ]);
  const sources = [...new Set(gpu.devices.flatMap(({ sources: each }) => each))].map((source) => printable(source, 16));
  return [
    `GPU, times by ${sources.join(', ')}`,
    formatTable(['device', 'slices', 'busy', 'idle', 'busy share', 'overlap'], rows, 1),
    `  queue delay ${quantileText(gpu.queueDelayNanos)}`,
    `  bound of a time ${quantileText(gpu.boundNanos)}; ${gpu.clamped} clamped`,
    ...gpu.devices
      .filter(({ coarsenedNanos }) => coarsenedNanos > 0)
      .map(
        ({ device, coarsenedNanos }) =>
          `  busy of ${printable(device)} is up to ${formatNanos(coarsenedNanos)} too high: too many slices to keep each`,
      ),
    ...(gpu.sampled > 0 ? [`  ${gpu.sampled} slices stand for several each: busy is too low`] : []),
  ].join('\n');
}

function deviceRow(
  name: string,
  slices: number,
  { busyNanos, idleNanos }: { readonly busyNanos: number; readonly idleNanos: number },
  overlap: string,
): string[] {
  const all = busyNanos + idleNanos;
  const share = all > 0 ? formatPercent(busyNanos / all) : '-';
  return [name, String(slices), formatNanos(busyNanos), formatNanos(idleNanos), share, overlap];
}

function slowestLines(slowest: readonly ShownRequest[]): string {
  if (slowest.length === 0) return '';
  const lines = slowest.map(({ row, criticalPath, left }) => {
    const title = `  ${formatNanos(row.durationNanos)}  ${printable(row.name)} ${printable(row.id || row.traceId)}`;
    const steps = criticalPath.slice(0, MAX_PATH_STEPS).map(({ name, nanos, share, gpuNanos }) => {
      const gpu = gpuNanos > 0 ? `, GPU ${formatNanos(gpuNanos)}` : '';
      return `    ${formatPercent(share).padStart(7)}  ${printable(name)}  ${formatNanos(nanos)}${gpu}`;
    });
    const error = row.error ? '  error' : '';
    const cut = left > 0 ? [`    ${counted(left, 'span')} more than are kept: the path is incomplete`] : [];
    return [title + error, ...steps, ...cut].join('\n');
  });
  return ['slowest requests, and what each waited for (its critical path)', ...lines].join('\n');
}

function lossLine({ losses: { total, byReason } }: SummaryData): string {
  if (total === 0) return 'losses: none told by the spans';
  const reasons = Object.entries(byReason).map(([reason, count]) => `${printable(reason, 32)} ${count}`);
  return `losses: ${total} (${reasons.join(', ')})`;
}

function flagLine({ flags }: SummaryData): string {
  const told = Object.entries(flags).filter(([, count]) => count > 0);
  if (told.length === 0) return '';
  return `flags: ${told.map(([name, count]) => `${name.replace('_', ' ')} ${count}`).join(', ')}`;
}
