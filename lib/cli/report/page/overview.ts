// SPDX-License-Identifier: Apache-2.0
//
// The first view: what there is, how long requests and stages took, what the slowest requests waited for, what the GPUs
// did, and what was lost. Called by main.ts.
import { axisOf, drawDistribution } from './distribution';
import { fill, make } from './dom';
import type { PageDevice, PageQuantiles, PageRequest } from './format';
import type { Report } from './read-data';
import { stageTable, swatch } from './stage-table';
import { colour, onTheme, stageMark } from './theme';
import { moment, nanos, percent, whole } from './units';

const WAITS_SHOWN = 8;
const STEPS_NAMED = 6;

/** `open` shows a request in the other view. */
export function overview(report: Report, open: (request: PageRequest) => void): HTMLElement {
  return make(
    'div',
    { class: 'overview' },
    notices(report),
    facts(report),
    stageTable(report.data.summary.stages),
    waits(report, open),
    devices(report),
    files(report),
  );
}

/** What makes the figures less than they seem. */
function notices({ data }: Report): HTMLElement | undefined {
  const { losses, flags, gpu } = data.summary;
  const coarse = (gpu?.devices ?? []).filter(({ coarsenedNanos }) => coarsenedNanos > 0);
  const reasons = Object.entries(losses.byReason).map(([reason, count]) => `${reason} ${whole(count)}`);
  const damaged = data.files.filter(({ problems }) => problems.length > 0);
  const told = Object.entries(flags).filter(([, count]) => count > 0);
  const lines = [
    losses.total > 0
      ? `${whole(losses.total)} slices were lost (${reasons.join(', ')}): times are of what was recorded.`
      : '',
    ...damaged.map(({ path, problems }) => `${path}: ${problems.join('; ')}.`),
    ...coarse.map(
      ({ device, coarsenedNanos }) =>
        `Busy of ${device} is up to ${nanos(coarsenedNanos)} too high: too many slices to keep each.`,
    ),
    told.length > 0
      ? `Spans with a flag: ${told.map(([name, count]) => `${name.replace('_', ' ')} ${whole(count)}`).join(', ')}.`
      : '',
  ].filter((line) => line !== '');
  if (lines.length === 0) return undefined;
  return make('div', { class: 'notices', attributes: { role: 'note' } }, ...lines.map((line) => make('p', {}, line)));
}

function facts({ data }: Report): HTMLElement {
  const { requests, batches, gpu, losses, spans, startUnixNano, endUnixNano } = data.summary;
  const period = Number(BigInt(endUnixNano) - BigInt(startUnixNano));
  const { durationNanos: time } = requests;
  const failed = requests.errors === 0 ? 'none failed' : `${whole(requests.errors)} failed`;
  return make(
    'section',
    { class: 'facts', attributes: { 'aria-label': 'Summary' } },
    fact(
      'Requests',
      whole(requests.count),
      `${failed}; ${whole(spans)} spans in ${nanos(period)}`,
      requests.errors > 0,
    ),
    time.count > 0 ? latency(data.summary.requests) : undefined,
    batches.count > 0
      ? fact(
          'Batches',
          whole(batches.count),
          `half with up to ${whole(batches.size.p50)} members, most ${whole(batches.size.max)}; p50 ${nanos(batches.durationNanos.p50)}`,
        )
      : undefined,
    gpu === undefined ? undefined : busy(gpu.devices),
    gpu === undefined
      ? undefined
      : fact(
          'GPU queue delay',
          nanos(gpu.queueDelayNanos.p50),
          `p99 ${nanos(gpu.queueDelayNanos.p99)}, most ${nanos(gpu.queueDelayNanos.max)}`,
        ),
    gpu === undefined
      ? undefined
      : fact(
          'GPU time bound',
          `± ${nanos(gpu.boundNanos.p50)}`,
          `p99 ± ${nanos(gpu.boundNanos.p99)}; ${whole(gpu.clamped)} clamped${gpu.sampled > 0 ? `; ${whole(gpu.sampled)} stand for several` : ''}`,
        ),
    fact(
      'Lost',
      losses.total === 0 ? 'none' : whole(losses.total),
      losses.total === 0 ? 'as far as the spans tell' : 'slices, by the workers’ own count',
      losses.total > 0,
    ),
  );
}

function fact(title: string, value: string, note: string, isBad = false): HTMLElement {
  return make(
    'div',
    { class: isBad ? 'fact bad' : 'fact' },
    make('h2', {}, title),
    make('p', { class: 'value' }, value),
    make('p', { class: 'note' }, note),
  );
}

function latency({ durationNanos: time, distribution }: Report['data']['summary']['requests']): HTMLElement {
  const drawing = make('div', { class: 'latency-drawing' });
  onTheme(() => fill(drawing, drawDistribution(distribution, time, axisOf([distribution]), colour('accent'))));
  const about = time.exact ? '' : ' (within 0.5 %)';
  return make(
    'div',
    { class: 'fact latency' },
    make('h2', {}, `Latency${about}`),
    make('dl', {}, ...quantileParts(time)),
    drawing,
  );
}

function quantileParts({ p50, p90, p99, max }: PageQuantiles): HTMLElement[] {
  const parts: readonly (readonly [string, number])[] = [
    ['p50', p50],
    ['p90', p90],
    ['p99', p99],
    ['most', max],
  ];
  return parts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, nanos(value))));
}

function busy(gpus: readonly PageDevice[]): HTMLElement {
  const busyNanos = gpus.reduce((sum, { busyNanos: each }) => sum + each, 0);
  const all = gpus.reduce((sum, { busyNanos: each, idleNanos }) => sum + each + idleNanos, 0);
  const sources = [...new Set(gpus.flatMap(({ sources: each }) => each))].join(', ');
  const count = gpus.length === 1 ? 'one device' : `${gpus.length} devices`;
  return fact(
    'GPU busy',
    all > 0 ? percent(busyNanos / all) : '–',
    `${nanos(busyNanos)} on ${count}; times by ${sources}`,
  );
}

function waits(report: Report, open: (request: PageRequest) => void): HTMLElement | undefined {
  const shown = report.data.requests
    .filter(({ why, path }) => why === 'slowest' && path.length > 0)
    .slice(0, WAITS_SHOWN);
  if (shown.length === 0) return undefined;
  const longest = Math.max(...shown.map(({ duration }) => duration));
  const list = make('ol', { class: 'waits' });
  onTheme(() => fill(list, ...shown.map((request) => make('li', {}, waitRow(report, request, longest, open)))));
  return make(
    'section',
    { attributes: { 'aria-labelledby': 'waits-title' } },
    make('div', { class: 'section-head' }, make('h2', { id: 'waits-title' }, 'What the slowest requests waited for')),
    make(
      'p',
      { class: 'hint' },
      'The critical path: going back from the end of a request, the slice that ended last is what was waited for.',
    ),
    list,
  );
}

function waitRow(
  report: Report,
  request: PageRequest,
  longest: number,
  open: (request: PageRequest) => void,
): HTMLElement {
  const bar = make('div', { class: 'wait-bar', attributes: { 'aria-hidden': 'true' } });
  bar.style.width = `${(100 * request.duration) / longest}%`;
  for (const [name, time] of request.path) {
    const part = make('i', { title: `${report.text(name)}: ${nanos(time)}` });
    part.style.width = `${(100 * time) / request.duration}%`;
    part.style.background = stageMark(report.text(name));
    bar.append(part);
  }
  const steps = request.path
    .slice(0, STEPS_NAMED)
    .map(([name, time, gpu]) =>
      make(
        'span',
        { class: 'step' },
        swatch(report.text(name)),
        `${report.text(name)} ${percent(time / request.duration)}`,
        gpu > 0 ? make('small', {}, ` GPU ${nanos(gpu)}`) : undefined,
      ),
    );
  return make(
    'button',
    { class: 'wait', attributes: { type: 'button' }, on: { click: () => open(request) } },
    make('span', { class: 'wait-time' }, nanos(request.duration)),
    make(
      'span',
      { class: 'wait-name' },
      `${report.text(request.name)} `,
      make('code', {}, request.id || request.traceId.slice(0, 16)),
      request.error ? make('b', { class: 'failed' }, ' failed') : undefined,
    ),
    make('div', { class: 'wait-track' }, bar),
    make('span', { class: 'wait-steps' }, ...steps),
  );
}

function devices({ data }: Report): HTMLElement | undefined {
  const { gpu } = data.summary;
  if (gpu === undefined) return undefined;
  const rows = gpu.devices.flatMap((device) => [
    deviceRow('device', device.device, device, nanos(device.overlapNanos)),
    ...device.streams.map((stream) =>
      deviceRow('stream', `stream ${stream.stream} of ${stream.service} ${stream.pid}`, stream, ''),
    ),
  ]);
  const titles = ['Device and streams', 'Slices', 'Busy', 'Idle', 'Busy share', 'Overlap'];
  const head = titles.map((title, index) =>
    make('th', { class: index > 0 ? 'number' : '', attributes: { scope: 'col' } }, title),
  );
  return make(
    'section',
    { attributes: { 'aria-labelledby': 'gpu-title' } },
    make('div', { class: 'section-head' }, make('h2', { id: 'gpu-title' }, 'GPU')),
    make(
      'div',
      { class: 'wide' },
      make('table', { class: 'devices' }, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)),
    ),
  );
}

function deviceRow(
  kind: string,
  name: string,
  { slices, busyNanos, idleNanos }: { readonly slices: number; readonly busyNanos: number; readonly idleNanos: number },
  overlap: string,
): HTMLElement {
  const all = busyNanos + idleNanos;
  const cells = [whole(slices), nanos(busyNanos), nanos(idleNanos), all > 0 ? percent(busyNanos / all) : '–', overlap];
  return make(
    'tr',
    { class: kind },
    make('td', {}, name),
    ...cells.map((cell) => make('td', { class: 'number' }, cell)),
  );
}

function files({ data }: Report): HTMLElement {
  const rows = data.files.map(({ path, spans }) => make('li', {}, make('code', {}, path), ` ${whole(spans)} spans`));
  const { startUnixNano, endUnixNano } = data.summary;
  return make(
    'section',
    { class: 'files', attributes: { 'aria-label': 'Input' } },
    make('ul', {}, ...rows),
    make('p', {}, `${moment(startUnixNano, 0)} to ${moment(endUnixNano, 0)}. Made by ${data.madeBy}.`),
  );
}
