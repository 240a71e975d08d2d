// SPDX-License-Identifier: Apache-2.0
//
// A report's page in headless Chromium, without a network, and what went wrong in it. Used by the tests of this folder.
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, type TestContext } from 'vitest';
import { findChromium, launchOptions } from '../../scripts/chromium.mjs';
import { gpuspan, temporaryFolder } from '../cli/otlp';

export interface OpenPage {
  readonly page: Page;
  /** What the page said was wrong, and all that it asked for beside itself: empty for a page that is sound. */
  readonly problems: string[];
}

/** Less than a hook has: a browser that does not come up is ended, and left to nobody. */
const LAUNCH_MILLIS = 45_000;

let browser: Browser | undefined;

/** One browser for the tests of a file. */
export function useBrowser(): void {
  beforeAll(async () => {
    const executablePath = findChromium();
    if (executablePath !== undefined)
      browser = await chromium.launch({ ...launchOptions(executablePath), timeout: LAUNCH_MILLIS });
  });
  afterAll(() => browser?.close());
}

export interface OpenOptions extends BrowserContextOptions {
  /** More of the command line. */
  readonly words?: readonly string[];
  /** Of the address. */
  readonly hash?: string;
}

/** Writes the report's page and opens it; skips the test where there is no Chromium. */
export async function openReport(
  context: TestContext,
  input: string,
  { words = [], ...options }: OpenOptions = {},
): Promise<OpenPage> {
  const path = join(temporaryFolder(), 'report.html');
  const { code, stderr } = await gpuspan('report', '--html', path, ...words, input);
  expect([code, stderr]).toEqual([0, '']);
  return openPage(context, path, options);
}

/** Opens a file; skips the test where there is no Chromium. */
export async function openPage(
  context: TestContext,
  path: string,
  { hash = '', ...options }: Omit<OpenOptions, 'words'> = {},
): Promise<OpenPage> {
  if (browser === undefined) context.skip('no Chromium: install it, or name it in CHROMIUM');
  const session = await browser!.newContext({ viewport: { width: 1440, height: 900 }, offline: true, ...options });
  onTestFinished(() => session.close());
  const page = await session.newPage();
  const problems: string[] = [];
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) problems.push(`asks for ${request.url()}`);
  });
  const url = `file://${path}`;
  await page.goto(`${url}${hash}`);
  return { page, problems };
}
