// SPDX-License-Identifier: Apache-2.0
//
// `npm run screenshots`: the pictures of the report's page in docs/images/, light and dark, of a run of the demo made for
// them. `-- --spans FILE` takes the spans of an earlier run instead. Needs Chromium: on the PATH, or named by CHROMIUM.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOtlpJsonFile, spansOf } from 'gpuspan/testing';
import { chromium } from 'playwright-core';
import { findChromium, launchOptions } from './chromium.mjs';
import { ROOT } from './fresh.mjs';

const IMAGES = join(ROOT, 'docs', 'images');
const VIEWPORT = { width: 1400, height: 860 };
const MOST_BYTES = 300_000;
/** Run in the page: what was asked for is drawn in the next frame. */
const DRAWN = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))';
/** Times that the picture shows more than the GPU slice in its middle. */
const ZOOMS_OUT = 7;

function runNode(...words) {
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
}

/** The address of the longest GPU slice of the slowest request. */
function addressIn(spansFile) {
  const spans = readOtlpJsonFile(spansFile).flatMap(spansOf);
  const nanos = ({ startTimeUnixNano, endTimeUnixNano }) => Number(endTimeUnixNano - startTimeUnixNano);
  const longest = (some) => some.reduce((most, span) => (nanos(span) > nanos(most) ? span : most));
  const root = longest(spans.filter(({ name }) => name === 'request'));
  const own = spans.filter(({ traceId, attributes }) => traceId === root.traceId && 'gpu.time.source' in attributes);
  return `#request=${root.traceId}.${root.spanId}.${longest(own).spanId}`;
}

async function take(page, name, colours) {
  const path = join(IMAGES, `${name}-${colours}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  console.log(`${path}: ${Math.ceil(size / 1000)} kB`);
  if (size > MOST_BYTES) throw new Error(`${path} has more than ${MOST_BYTES / 1000} kB`);
}

async function takeAll(browser, report, address, colours) {
  const options = { viewport: VIEWPORT, colorScheme: colours, offline: true };
  const page = await browser.newPage(options);
  await page.goto(`file://${report}`);
  await take(page, 'report-overview', colours);
  await page.goto(`file://${report}${address}`);
  await page.locator('canvas.tracks[data-end]').focus();
  for (const key of ['Enter', ...Array(ZOOMS_OUT).fill('s')]) await page.keyboard.press(key);
  await page.locator('canvas.tracks').blur();
  await page.evaluate(DRAWN);
  await take(page, 'report-request', colours);
  await page.close();
}

const { values } = parseArgs({ options: { spans: { type: 'string' } } });
const executable = findChromium();
if (executable === undefined) throw new Error('no Chromium: install it, or name it in CHROMIUM');
const folder = mkdtempSync(join(tmpdir(), 'gpuspan-screenshots-'));
const browser = await chromium.launch(launchOptions(executable));
try {
  mkdirSync(IMAGES, { recursive: true });
  const spans = values.spans === undefined ? join(folder, 'text-server.jsonl') : resolve(values.spans);
  const report = join(folder, 'text-server.html');
  if (values.spans === undefined) runNode('examples/text-server/demo.mjs', '--out', spans);
  else runNode('dist/cli/index.js', 'report', '--html', report, spans);
  const address = addressIn(spans);
  for (const colours of ['light', 'dark']) await takeAll(browser, report, address, colours);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
