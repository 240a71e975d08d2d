// SPDX-License-Identifier: Apache-2.0
//
// The timeline of a known request in Chromium: its slices are painted where their times say, and it zooms, pans and
// selects with wheel, mouse and keys.
import type { Page } from 'playwright-core';
import { describe, expect, it, type TestContext } from 'vitest';
import { traceId } from '../cli/otlp';
import { openReport, useBrowser } from './browser';
import { MS, SLICES, traceFile } from './trace';

useBrowser();

const REQUEST = `#request=${traceId(1)}.0000000000000064`;

async function openTimeline(context: TestContext): Promise<Page> {
  const { page } = await openReport(context, traceFile(), { hash: REQUEST });
  await expect.poll(() => page.locator('canvas.tracks').getAttribute('data-end')).not.toBeNull();
  return page;
}

interface Sight {
  readonly start: number;
  readonly end: number;
  readonly left: number;
  readonly width: number;
}

const sight = (page: Page): Promise<Sight> =>
  page.locator('canvas.tracks').evaluate((canvas: HTMLCanvasElement) => ({
    start: Number(canvas.dataset['start']),
    end: Number(canvas.dataset['end']),
    left: Number(canvas.dataset['left']),
    width: canvas.clientWidth - Number(canvas.dataset['left']),
  }));

/** Where a time is on the canvas, in pixels. */
const xOf = (time: number, { start, end, left, width }: Sight) => left + ((time - start) / (end - start)) * width;

async function select(page: Page, slice: string): Promise<void> {
  const grid = page.getByRole('grid', { name: 'Slices of the request' });
  await grid.getByRole('row').filter({ hasText: slice }).click();
  await expect.poll(() => page.locator('.details h3').first().textContent()).toContain(slice);
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** What the outline of the selected slice encloses, found by its colour, above the curve from a launch. */
const outline = (page: Page): Promise<Box> =>
  page.locator('canvas.tracks').evaluate(async (canvas: HTMLCanvasElement) => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const context = canvas.getContext('2d')!;
    const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    const wanted = [1, 3, 5].map((at) => Number.parseInt(accent.slice(at, at + 2), 16));
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const box = { left: Number.POSITIVE_INFINITY, right: -1, top: Number.POSITIVE_INFINITY, bottom: -1 };
    for (let at = 0; at < data.length; at += 4) {
      if (wanted.some((part, index) => Math.abs(data[at + index]! - part) > 2)) continue;
      const [x, y] = [(at / 4) % canvas.width, Math.floor(at / 4 / canvas.width)];
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
    return box;
  });

/** Within two pixels: the outline is that wide. */
function expectAt(box: Box, { start, end }: { start: number; end: number }, seen: Sight): void {
  expect(Math.abs(box.left - xOf(start * MS, seen))).toBeLessThanOrEqual(2);
  expect(Math.abs(box.right - xOf(end * MS, seen))).toBeLessThanOrEqual(2);
}

describe('the timeline of a request', () => {
  it('paints each slice from where it began to where it ended, also after a zoom', async (context) => {
    const page = await openTimeline(context);
    for (const name of ['tokenize', 'forward', 'launch'] as const) {
      await select(page, name);
      expectAt(await outline(page), SLICES[name], await sight(page));
    }
    await page.locator('canvas.tracks').focus();
    await page.keyboard.press('Enter');
    // Drawn with the browser's next frame.
    await expect.poll(async () => (await sight(page)).start).toBeGreaterThan(13 * MS);
    expectAt(await outline(page), SLICES.launch, await sight(page));
  });

  it('paints nested slices below what they are in, and GPU slices below all of the host', async (context) => {
    const page = await openTimeline(context);
    const tops: number[] = [];
    for (const name of ['forward', 'launch']) {
      await select(page, name);
      tops.push((await outline(page)).top);
    }
    await select(page, 'kernel');
    // The curve from its launch begins in the launch's row: the slice's own outline is what ends last.
    tops.push((await outline(page)).bottom);
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
    expect(new Set(tops).size).toBe(3);
  });

  it('tells of a slice under the pointer, also of other requests on the GPU stream', async (context) => {
    const page = await openTimeline(context);
    await select(page, 'kernel');
    const { bottom } = await outline(page);
    const seen = await sight(page);
    const canvas = page.locator('canvas.tracks');
    const tip = page.getByRole('tooltip');
    const hover = (ms: number) => canvas.hover({ position: { x: xOf(ms * MS, seen), y: bottom - 10 } });
    await hover(30);
    expect(await tip.textContent()).toBe('kernel24.0\u00a0ms ± 500\u00a0ns+20.000\u202f000\u00a0ms');
    await hover(47);
    expect(await tip.textContent()).toContain('2.00\u00a0ms, of another request');
    await hover(45);
    await expect.poll(() => tip.isHidden()).toBe(true);
  });

  it('tells of the selected slice: times, bound, launch, attributes, and leads to those it hangs on', async (context) => {
    const page = await openTimeline(context);
    await select(page, 'kernel');
    const details = page.locator('.details');
    const text = (await details.textContent())!.replace(/[\u00a0\u202f]/g, ' ');
    expect(text).toContain('24.0 ms, 40.0 % of the request');
    expect(text).toContain('± 500 ns');
    expect(text).toContain('+15.000 000 ms, queued 5.00 ms');
    expect(text).toContain('gpu.time.sourcesimulated');
    await details.getByRole('button', { name: 'launch' }).click();
    expect(await details.locator('h3').first().textContent()).toContain('launch');
    await details.getByRole('button', { name: 'forward' }).click();
    await details.getByRole('button', { name: 'tokenize' }).click();
    expect(await details.textContent()).toContain('tokens17');
  });

  it('zooms with the wheel at the pointer, which stays at its time', async (context) => {
    const page = await openTimeline(context);
    const before = await sight(page);
    const x = xOf(30 * MS, before);
    await page.locator('canvas.tracks').hover({ position: { x, y: 200 } });
    await page.mouse.wheel(0, -400);
    await expect.poll(async () => (await sight(page)).end).toBeLessThan(before.end);
    const after = await sight(page);
    expect(after.end - after.start).toBeLessThan(0.6 * (before.end - before.start));
    expect(Math.abs(xOf(30 * MS, after) - x)).toBeLessThan(1.5);
    await page.mouse.wheel(0, 400);
    await expect.poll(async () => (await sight(page)).start).toBeCloseTo(before.start, -2);
  });

  it('pans by dragging, and with the wheel and Shift, up to its ends', async (context) => {
    const page = await openTimeline(context);
    const canvas = page.locator('canvas.tracks');
    await canvas.focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('w');
    await expect.poll(async () => (await sight(page)).start).toBeGreaterThan(10 * MS);
    const before = await sight(page);
    await canvas.hover({ position: { x: before.left + 500, y: 200 } });
    await page.mouse.down();
    await page.mouse.move((await canvas.boundingBox())!.x + before.left + 300, 300, { steps: 4 });
    await page.mouse.up();
    const moved = (200 * (before.end - before.start)) / before.width;
    await expect.poll(async () => (await sight(page)).start - before.start - moved).toBeCloseTo(0, -4);
    const { start } = await sight(page);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Shift');
    await expect.poll(async () => (await sight(page)).start).toBeLessThan(start);
    for (let i = 0; i < 60; i++) await page.keyboard.press('a');
    await expect.poll(async () => (await sight(page)).start).toBe(-15 * MS);
  });

  it('zooms, pans and fits with keys', async (context) => {
    const page = await openTimeline(context);
    const canvas = page.locator('canvas.tracks');
    await canvas.focus();
    const first = await sight(page);
    const press = async (key: string) => {
      await page.keyboard.press(key);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      return sight(page);
    };
    const near = await press('w');
    expect(near.end - near.start).toBeLessThan(first.end - first.start);
    const right = await press('d');
    expect(right.start).toBeGreaterThan(near.start);
    expect((await press('a')).start).toBeCloseTo(near.start, 0);
    const far = await press('s');
    expect(far.end - far.start).toBeCloseTo(first.end - first.start, 0);
    await press('w');
    expect(await press('f')).toEqual(first);
  });

  it('selects with the keys what is beside, above and below, and says so', async (context) => {
    const page = await openTimeline(context);
    await page.locator('canvas.tracks').focus();
    const name = async (key: string) => {
      await page.keyboard.press(key);
      return (await page.locator('.said').textContent())?.split(',')[0];
    };
    expect(await name('ArrowDown')).toBe('request');
    expect(await name('ArrowDown')).toBe('DecodeWorker');
    expect(await name('ArrowDown')).toBe('tokenize');
    expect(await name('ArrowRight')).toBe('forward');
    expect(await name('ArrowDown')).toBe('launch');
    expect(await name('ArrowDown')).toBe('kernel');
    expect(await name('ArrowUp')).toBe('launch');
    expect(await name('Escape')).toBe('');
  });
});
