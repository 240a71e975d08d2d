// SPDX-License-Identifier: Apache-2.0
//
// `npm run plots`: runs the simulated worlds of `npm run truth`, keeps their figures as bench/results/truth.json and
// draws docs/plots/*.svg, which docs/clocks.md shows. Then `node scripts/write-docs.mjs` quotes the figures.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { ROOT } from './fresh.mjs';

const WORLDS = ['--worlds', '1000', '--seed', '1'];
const RESULT = join(ROOT, 'bench', 'results', 'truth.json');
const PLOTS = join(ROOT, 'docs', 'plots');
// Points of a line: more are not seen, and the files are kept in the repository.
const MOST_POINTS = 500;

function simulate(plotFile) {
  const args = [join(ROOT, 'scripts', 'truth.mjs'), ...WORLDS, '--json', RESULT, '--plot', plotFile];
  const run = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (run.status !== 0) throw new Error(`scripts/truth.mjs failed with ${run.status ?? run.signal}`);
  return JSON.parse(readFileSync(plotFile, 'utf8'));
}

/** Every n-th item, the last one included. */
function thinned(items) {
  const step = Math.ceil(items.length / MOST_POINTS);
  return items.filter((_, i) => i % step === 0 || i === items.length - 1);
}

/** Error and bound of a quiet day on a log axis, beside a design of one base event. */
function dayChart(samples) {
  const lines = [
    ['one base event: error', 'base_error_ns'],
    ['gpuspan: bound', 'bound_ns'],
    ['gpuspan: error', 'error_ns'],
  ];
  const values = thinned(samples).flatMap((sample) =>
    lines.map(([line, field]) => ({ hour: sample.t_s / 3600, us: Math.max(1, sample[field]) / 1000, line })),
  );
  return {
    title: 'A quiet simulated day: how far GPU times are off',
    width: 640,
    height: 320,
    data: { values },
    mark: { type: 'line', strokeWidth: 1.2 },
    encoding: {
      x: { field: 'hour', type: 'quantitative', title: 'hours', scale: { domain: [0, 24] } },
      y: { field: 'us', type: 'quantitative', title: 'microseconds (log)', scale: { type: 'log' } },
      color: { field: 'line', type: 'nominal', title: null, sort: lines.map(([line]) => line) },
    },
  };
}

/** One quantity of all worlds, each at its rank. */
function rankedChart(worlds, valueIn, title, domain) {
  const sorted = worlds.map(valueIn).sort((a, b) => a - b);
  const values = sorted.map((value, i) => ({ share: (100 * (i + 1)) / sorted.length, value }));
  return {
    width: 640,
    height: 170,
    data: { values: thinned(values) },
    mark: { type: 'line', interpolate: 'step-before' },
    encoding: {
      x: { field: 'share', type: 'quantitative', title: 'share of worlds, %', scale: { domain: [0, 100] } },
      y: { field: 'value', type: 'quantitative', title, scale: { domain, zero: false, nice: true } },
    },
  };
}

function coverageChart(worlds) {
  const lowest = Math.min(...worlds.map((world) => world.coverage));
  const widest = Math.max(...worlds.map((world) => world.oracle_ratio));
  return {
    title: `${worlds.length} random simulated worlds, in the order of each quantity`,
    vconcat: [
      rankedChart(worlds, (world) => 100 * world.coverage, 'times within their bound, %', [100 * lowest, 100]),
      rankedChart(worlds, (world) => world.oracle_ratio, 'median bound / oracle', [1, widest]),
    ],
  };
}

async function write(name, chart) {
  const spec = compile({ background: 'white', ...chart }).spec;
  const view = new View(parse(spec), { renderer: 'none' });
  writeFileSync(join(PLOTS, name), `${await view.toSVG()}\n`);
  view.finalize();
}

const folder = mkdtempSync(join(tmpdir(), 'gpuspan-plots-'));
try {
  const { quietDay, worlds } = simulate(join(folder, 'plot.json'));
  mkdirSync(PLOTS, { recursive: true });
  await write('clock-error-24h.svg', dayChart(quietDay));
  await write('coverage.svg', coverageChart(worlds));
} finally {
  rmSync(folder, { recursive: true });
}
