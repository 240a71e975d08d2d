// SPDX-License-Identifier: Apache-2.0
//
// What the keys do, as a dialog. Called by main.ts.
import { make } from './dom';

const KEYS: readonly (readonly [string, string])[] = [
  ['1  2', 'overview, requests'],
  ['/', 'filter'],
  ['[  ]', 'the request above, below'],
  ['T', 'light, dark, as the system'],
  ['In the timeline', ''],
  ['wheel, W  S', 'zoom'],
  ['Shift + wheel, drag, A  D', 'pan'],
  ['wheel over the names', 'scroll'],
  ['← → ↑ ↓', 'select the slice beside, above, below'],
  ['Enter, double click', 'zoom to the selected slice'],
  ['F', 'the whole request'],
  ['Esc', 'select nothing'],
];

export function helpDialog(): HTMLDialogElement {
  const rows = KEYS.flatMap(([keys, what]) =>
    what === ''
      ? [make('dt', { class: 'group' }, keys), make('dd')]
      : [make('dt', {}, ...keysOf(keys)), make('dd', {}, what)],
  );
  const close = make('button', { attributes: { type: 'button' }, on: { click: () => dialog.close() } }, 'Close');
  const dialog = make(
    'dialog',
    { id: 'keys', attributes: { 'aria-label': 'Keys' } },
    make('h2', {}, 'Keys'),
    make('dl', {}, ...rows),
    close,
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}

function keysOf(keys: string): HTMLElement[] {
  return keys.split(/ {2}|, /).map((key) => make('kbd', {}, key));
}
