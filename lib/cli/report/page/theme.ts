// SPDX-License-Identifier: Apache-2.0
//
// Light, dark, or as the system is; remembered where the browser lets a file remember. And the colours of stages, the
// same everywhere in the page: chosen by name, all equally light, so that the text on them can be read.

export type Theme = 'auto' | 'light' | 'dark';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];
const KEY = 'gpuspan-theme';
/** Neighbours are far apart on the circle. */
const HUES = [255, 150, 55, 320, 195, 95, 25, 285, 170, 75, 345, 225, 120, 5];
const MOST_NAMES = 10_000;

const dark = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];
const places = new Map<string, number>();
let chosen: Theme = remembered();

export function theme(): Theme {
  return chosen;
}

export function isDark(): boolean {
  return chosen === 'dark' || (chosen === 'auto' && dark.matches);
}

export function nextTheme(): void {
  chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]!;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // It is chosen for this visit only.
  }
  apply();
}

/** Called now and after each change. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
  listener();
}

export function startTheme(): void {
  dark.addEventListener('change', apply);
  apply();
}

/** The value of a colour of page.css. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Stages get their colours in this order, so that those with the most time differ most. */
export function nameStages(names: readonly string[]): void {
  for (const name of names) hueOf(name);
}

/** Behind the text of a stage's slices. */
export function stageColour(name: string): string {
  const hue = hueOf(name);
  return isDark() ? `oklch(0.42 0.085 ${hue})` : `oklch(0.87 0.075 ${hue})`;
}

/** Of its marks and swatches, which stand by themselves. */
export function stageMark(name: string): string {
  if (name.startsWith('(')) return colour('muted');
  const hue = hueOf(name);
  return isDark() ? `oklch(0.72 0.115 ${hue})` : `oklch(0.61 0.13 ${hue})`;
}

function hueOf(name: string): number {
  const place = places.get(name) ?? places.size;
  if (places.size < MOST_NAMES) places.set(name, place);
  return HUES[place % HUES.length]!;
}

function apply(): void {
  const root = document.documentElement;
  root.dataset['theme'] = isDark() ? 'dark' : 'light';
  for (const listener of listeners) listener();
}

function remembered(): Theme {
  try {
    return THEMES.find((each) => each === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    return 'auto';
  }
}
