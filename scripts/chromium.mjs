// SPDX-License-Identifier: Apache-2.0
//
// Finds the Chromium that looks at reports: scripts/screenshots.mjs and test/report start it. Nothing is downloaded.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** CHROMIUM, else the first on the PATH; undefined where there is none. @returns {string | undefined} */
export function findChromium({ CHROMIUM, PATH = '' } = process.env) {
  if (CHROMIUM) return CHROMIUM;
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return places.find((path) => existsSync(path));
}

/** For `chromium.launch`. Who runs as root, in a container, cannot set up Chromium's own sandbox. */
export function launchOptions(executablePath) {
  return { executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] };
}
