// SPDX-License-Identifier: Apache-2.0
//
// The page of a report in Chromium, without a network: what it shows, filters and sorts, its colours, and what it makes
// of hostile and of large input. The timeline has a file of its own.
import axe from 'axe-core';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { reportHtml } from '../../dist/cli/report/html';
import { makeReport } from '../../dist/cli/report/make-report';
import { fileOf, gpuspan, type MadeSpan, otlpRequest, temporaryFolder, traceId } from '../cli/otlp';
import { openPage, openReport, useBrowser } from './browser';
import { MS, SPANS, traceFile } from './trace';

useBrowser();

const rowsOf = (page: Page, grid: string) => page.getByRole('grid', { name: grid }).locator('.rows').getByRole('row');
const openRequests = (page: Page) => page.getByRole('tab', { name: 'Requests' }).click();

describe('the page of a report', () => {
  it('loads without an error, a warning or a request to anywhere', async (context) => {
    const { page, problems } = await openReport(context, traceFile());
    await openRequests(page);
    await expect.poll(() => page.locator('canvas.tracks').getAttribute('data-end')).not.toBeNull();
    expect(problems).toEqual([]);
  });

  it('lets the browser fetch nothing, whatever runs in it', async (context) => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { page } = await openReport(context, traceFile(), { offline: false });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const refused = await page.evaluate(async (target) => {
      const image = new Image();
      const failed = new Promise((resolve) => (image.onerror = () => resolve('refused')));
      image.src = target;
      return [await failed, await fetch(target).catch(() => 'refused')];
    }, url);
    expect(refused).toEqual(['refused', 'refused']);
    expect(asked).toBe(0);
  });

  it('shows stages with their figures, sorts them by any column and filters them', async (context) => {
    const { page } = await openReport(context, traceFile());
    const rows = page.locator('table.stages tbody tr');
    const names = () => rows.locator('.stage-name span').allTextContents();
    expect(await names()).toEqual(['forward', 'kernel', 'tokenize', 'launch']);
    expect(await rows.first().locator('td').allTextContents()).toMatchObject([
      'forwarddecoder',
      'host',
      ...['36.0', '38.0', '38.0', '38.0'].map((ms) => `${ms}\u00a0ms`),
      '2',
      '74.0\u00a0ms',
      '74.0\u00a0%',
      expect.anything(),
    ]);
    expect(await rows.nth(1).locator('td').nth(1).textContent()).toBe('GPU simulated');
    await page.getByRole('button', { name: 'Stage' }).click();
    expect(await names()).toEqual(['forward', 'kernel', 'launch', 'tokenize']);
    await page.getByRole('searchbox', { name: 'Filter stages' }).fill('ker');
    expect(await names()).toEqual(['kernel']);
  });

  it('draws distributions on one axis: what took longer is further right', async (context) => {
    const { page } = await openReport(context, traceFile());
    const left = async (stage: string) => {
      const row = page.locator('table.stages tbody tr', { hasText: stage });
      return (await row.locator('svg rect').first().boundingBox())!.x;
    };
    const [launch, tokenize, forward] = [await left('launch'), await left('tokenize'), await left('forward')];
    expect(launch).toBeLessThan(tokenize);
    expect(tokenize).toBeLessThan(forward);
  });

  it('tells losses, bounds and what was wrong with the input', async (context) => {
    const input = fileOf(`${JSON.stringify(otlpRequest(SPANS))}\nno JSON\n`);
    const { page } = await openReport(context, input);
    const notices = await page.locator('.notices').textContent();
    expect(notices).toContain('5 slices were lost (ring 5)');
    expect(notices).toContain('1 line not JSON');
    expect(await page.locator('.facts').textContent()).toContain('± 500 ns'.replaceAll(' ns', '\u00a0ns'));
  });

  it('opens a request from what the slowest waited for', async (context) => {
    const { page } = await openReport(context, traceFile());
    await page.locator('.wait', { hasText: 'rid-1' }).click();
    await expect.poll(() => page.locator('#request-title').textContent()).toBe('request rid-1');
    expect(await page.locator('.details').textContent()).toContain('modeltoy');
    expect(new URL(page.url()).hash).toBe(`#request=${traceId(1)}.0000000000000064`);
  });

  it('shows all that is told of a request below each other, however much it is', async (context) => {
    const attributes = { 'gpuspan.request.level': 2, ...Object.fromEntries(EVIL.map((_, i) => [`key-${i}`, i])) };
    const slices = Array.from({ length: 40 }, (_, i) => ({ ...sliceOf(1, i, 'x'), name: `stage-${i}` }));
    const input = fileOf([otlpRequest([requestOf(1, 100, { attributes }), ...slices])]);
    const { page } = await openReport(context, input, { hash: `#request=${traceId(1)}` });
    const details = page.locator('.details');
    await expect.poll(() => details.textContent()).toContain('key-5');
    expect(await details.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  });

  it('opens the request and slice that its address names', async (context) => {
    const hash = `#request=${traceId(1)}.0000000000000064.000000000000006e`;
    const { page } = await openReport(context, traceFile(), { hash });
    await expect.poll(() => page.locator('.details h3').first().textContent()).toContain('tokenize');
  });
});

describe('the requests', () => {
  it('are filtered by text, by time and by failure, together', async (context) => {
    const { page } = await openReport(context, traceFile());
    await openRequests(page);
    const rows = rowsOf(page, 'Requests');
    const filter = page.getByRole('searchbox', { name: /Filter requests/ });
    const shown = async (text: string) => {
      await filter.fill(text);
      return (await rows.allTextContents()).map((row) => /rid-\d/.exec(row)?.[0]);
    };
    expect(await shown('')).toEqual(['rid-1', 'rid-2']);
    expect(await shown('rid-2')).toEqual(['rid-2']);
    expect(await shown('DECODER >50ms')).toEqual(['rid-1']);
    expect(await shown('<50')).toEqual(['rid-2']);
    expect(await shown(traceId(1))).toEqual(['rid-1']);
    expect(await shown('nothing')).toEqual([]);
    await page.getByRole('checkbox', { name: 'failed only' }).check();
    expect(await shown('')).toEqual(['rid-2']);
    expect(await page.locator('.count').textContent()).toBe('1 of 2');
  });

  it('are sorted by a column, and chosen with the keyboard', async (context) => {
    const { page } = await openReport(context, traceFile());
    await openRequests(page);
    await page.getByRole('button', { name: 'Duration' }).first().click();
    const grid = page.getByRole('grid', { name: 'Requests' });
    await grid.focus();
    await page.keyboard.press('Home');
    await expect.poll(() => page.locator('#request-title').textContent()).toBe('request rid-2');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.locator('#request-title').textContent()).toBe('request rid-1');
    await page.keyboard.press('[');
    await expect.poll(() => page.locator('#request-title').textContent()).toBe('request rid-2');
    await page.keyboard.press('/');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('filter');
  });

  it('have only those rows as elements that are in sight', async (context) => {
    const many = Array.from({ length: 900 }, (_, i) => requestOf(i + 1, MS * (i + 1)));
    const { page } = await openReport(context, fileOf([otlpRequest(many)]));
    await openRequests(page);
    const rows = rowsOf(page, 'Requests');
    expect(await rows.count()).toBeLessThan(60);
    await page.getByRole('grid', { name: 'Requests' }).focus();
    await page.keyboard.press('End');
    await expect.poll(() => page.locator('#request-title').textContent()).toBe('request rid-1');
    await expect.poll(async () => (await rows.last().textContent())?.includes('rid-1')).toBe(true);
  });
});

const requestOf = (trace: number, duration: number, more: Partial<MadeSpan> = {}): MadeSpan => ({
  trace,
  id: trace * 100,
  name: 'request',
  start: trace,
  end: trace + duration,
  attributes: { 'gpuspan.request.level': 2, rid: `rid-${trace}` },
  ...more,
});

const sliceOf = (trace: number, place: number, text: string): MadeSpan => ({
  trace,
  id: trace * 100 + place + 1,
  parent: trace * 100,
  name: 'stage',
  start: place,
  end: place + 1,
  attributes: { text },
});

const EVIL = [
  '</script><script>globalThis.pwned = 1</script>',
  '<img src=x onerror="globalThis.pwned = 2">',
  '<!--<script>',
  ']]>" \' ` $' + '{globalThis.pwned = 3}',
  '\u2028\u2029\u202e\u0000\ud800',
  '__proto__',
];

describe('a hostile trace', () => {
  it('is shown as what it is, and runs nothing', async (context) => {
    const spans = EVIL.flatMap((text, i) => [
      requestOf(i + 1, 10 * MS, { name: text, attributes: { 'gpuspan.request.level': 2, rid: text, [text]: text } }),
      { trace: i + 1, id: (i + 1) * 100 + 1, parent: (i + 1) * 100, name: text, start: MS, end: 2 * MS },
    ]);
    const input = fileOf([otlpRequest(spans, EVIL[0])]);
    const { page, problems } = await openReport(context, input);
    expect(await page.locator('table.stages .stage-name span').allTextContents()).toContain(EVIL[0]);
    await openRequests(page);
    for (const place of EVIL.keys()) {
      await rowsOf(page, 'Requests').nth(place).click();
      await page.locator('canvas.tracks').hover();
    }
    expect(await page.locator('#request-title').textContent()).not.toBe('');
    expect(await page.evaluate(() => (globalThis as Record<string, unknown>)['pwned'])).toBeUndefined();
    expect(await page.locator('img, iframe, script:not(#data)').count()).toBe(1);
    expect(problems).toEqual([]);
  });

  it('cannot end the script that holds it', async () => {
    const path = join(temporaryFolder(), 'report.html');
    await gpuspan('report', '--html', path, fileOf([otlpRequest([requestOf(1, MS, { name: EVIL[0]! })])]));
    const html = readFileSync(path, 'utf8');
    expect(html.match(/<\/script/g)).toHaveLength(2);
    expect(html).not.toMatch(/(?:src|href)="?(?:https?:)?\/\//);
  });
});

describe('a large trace', () => {
  it('is shown by its slowest requests, some that failed and a sample, and the page says so', async (context) => {
    const many = Array.from({ length: 3000 }, (_, i) => requestOf(i + 1, MS + i * 1000, { error: i % 100 === 7 }));
    const { page } = await openReport(context, fileOf([otlpRequest(many)]), { words: ['--rows', '200'] });
    await openRequests(page);
    const told = await page.locator('.limits').textContent();
    expect(told).toMatch(
      /^200 of 3\u202f000 requests are in this page: the 1\d\d slowest, \d\d more that failed, \d\d others by chance/,
    );
    expect(await page.locator('.count').textContent()).toBe('200 requests');
    expect(await page.locator('.facts').textContent()).toContain('30 failed');
  });

  it('makes a page of a size that can be opened, in which those without a timeline say so', async (context) => {
    const many = Array.from({ length: 40 }, (_, i) => [
      requestOf(i + 1, MS * (i + 1)),
      ...Array.from({ length: 50 }, (_, j) => sliceOf(i + 1, j, 'x'.repeat(190) + i)),
    ]);
    const options = { slowest: 5, rows: 1000, page: true, maxPageBytes: 200_000 };
    const report = await makeReport([fileOf([otlpRequest(many.flat())])], options);
    const path = join(temporaryFolder(), 'report.html');
    writeFileSync(path, reportHtml(report));
    const whole = report.shown.map(({ spans, left }) => [spans.length, left]);
    expect(whole).toContainEqual([51, 0]);
    expect(whole.slice(-20)).toEqual(Array.from({ length: 20 }, () => [0, 51]));
    const { page } = await openPage(context, path);
    expect(await page.evaluate(() => document.getElementById('data')!.textContent!.length)).toBeLessThan(250_000);
    await openRequests(page);
    expect(await page.locator('.limits').textContent()).toMatch(/^\d+ of them are without a timeline/);
    await page.getByRole('grid', { name: 'Requests' }).focus();
    await page.keyboard.press('End');
    await expect.poll(() => page.locator('.looked .hint').textContent()).toBe('its slices did not fit into this page');
  });
});

describe('the colours', () => {
  const ground = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  it('are as the system has them, and change with it', async (context) => {
    const { page } = await openReport(context, traceFile(), { colorScheme: 'dark' });
    expect(await ground(page)).toBe('rgb(18, 20, 24)');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(() => ground(page)).toBe('rgb(246, 246, 244)');
  });

  it('can be chosen', async (context) => {
    const { page } = await openReport(context, traceFile(), { colorScheme: 'light' });
    const button = page.locator('button.theme');
    expect(await button.textContent()).toBe('Auto');
    await button.click();
    expect([await button.textContent(), await ground(page)]).toEqual(['Light', 'rgb(246, 246, 244)']);
    await page.keyboard.press('t');
    expect([await button.textContent(), await ground(page)]).toEqual(['Dark', 'rgb(18, 20, 24)']);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`can be read by everyone, and all that acts has a name: axe finds nothing in ${colorScheme}`, async (context) => {
      const { page } = await openReport(context, traceFile(), { colorScheme });
      await page.evaluate(axe.source);
      for (const view of ['Overview', 'Requests']) {
        await page.getByRole('tab', { name: view }).click();
        const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
        const found = violations.map(
          ({ id, nodes }) =>
            `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
        );
        expect(found, view).toEqual([]);
      }
    });
  }
});
