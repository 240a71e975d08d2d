// SPDX-License-Identifier: Apache-2.0
//
// What mouse, wheel and keys do to a timeline. Wheel: zoom at the pointer; with Shift, or sideways: pan; over the names:
// scroll. Drag: pan and scroll. Keys: docs are in help.ts.

export interface Controls {
  zoom(factor: number, x?: number): void;
  pan(pixels: number): void;
  scroll(pixels: number): void;
  fit(): void;
  /** The slice at a place of the canvas, if there is one. */
  select(x: number, y: number): void;
  hover(x: number, y: number): void;
  leave(): void;
  /** Selects the next slice in its row or the nearest in the row above or below. */
  step(direction: 'left' | 'right' | 'up' | 'down'): void;
  zoomToSelected(): void;
  clear(): void;
  /** Pixels at the left that show names. */
  readonly left: number;
}

const WHEEL = 0.0022;
const LINE_PIXELS = 16;
const KEY_ZOOM = 1.35;
const KEY_PAN = 80;
/** What moves less is a click. */
const CLICK_PIXELS = 4;

export function listen(canvas: HTMLCanvasElement, controls: Controls): void {
  listenToWheel(canvas, controls);
  listenToPointer(canvas, controls);
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = keyAction(event, controls);
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}

function listenToWheel(canvas: HTMLCanvasElement, controls: Controls): void {
  const onWheel = (event: WheelEvent) => {
    event.preventDefault();
    const scale = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1;
    const [x, y] = [event.deltaX * scale, event.deltaY * scale];
    if (event.offsetX < controls.left) controls.scroll(y);
    else if (event.shiftKey) controls.pan(x + y);
    else if (Math.abs(x) > Math.abs(y)) controls.pan(x);
    else controls.zoom(Math.exp(Math.max(-300, Math.min(300, y)) * WHEEL), event.offsetX);
  };
  canvas.addEventListener('wheel', onWheel, { passive: false });
}

function listenToPointer(canvas: HTMLCanvasElement, controls: Controls): void {
  let from: { readonly x: number; readonly y: number } | undefined;
  let last = { x: 0, y: 0 };
  let dragged = false;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    from = last = { x: event.offsetX, y: event.offsetY };
    dragged = false;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    const now = { x: event.offsetX, y: event.offsetY };
    if (from === undefined) {
      controls.hover(now.x, now.y);
      return;
    }
    dragged ||= Math.hypot(now.x - from.x, now.y - from.y) > CLICK_PIXELS;
    if (!dragged) return;
    controls.pan(last.x - now.x);
    controls.scroll(last.y - now.y);
    canvas.classList.add('dragged');
    last = now;
  });
  canvas.addEventListener('pointerup', (event) => {
    if (from !== undefined && !dragged) controls.select(event.offsetX, event.offsetY);
    from = undefined;
    canvas.classList.remove('dragged');
  });
  canvas.addEventListener('pointercancel', () => (from = undefined));
  canvas.addEventListener('pointerleave', () => controls.leave());
  canvas.addEventListener('dblclick', () => controls.zoomToSelected());
}

function keyAction(event: KeyboardEvent, controls: Controls): (() => void) | undefined {
  const pan = (pixels: number) => () => controls.pan(pixels);
  const zoom = (factor: number) => () => controls.zoom(factor);
  if (event.shiftKey && event.key === 'ArrowLeft') return pan(-KEY_PAN);
  if (event.shiftKey && event.key === 'ArrowRight') return pan(KEY_PAN);
  const actions: Readonly<Record<string, () => void>> = {
    w: zoom(1 / KEY_ZOOM),
    '+': zoom(1 / KEY_ZOOM),
    '=': zoom(1 / KEY_ZOOM),
    s: zoom(KEY_ZOOM),
    '-': zoom(KEY_ZOOM),
    a: pan(-KEY_PAN),
    d: pan(KEY_PAN),
    0: () => controls.fit(),
    f: () => controls.fit(),
    ArrowLeft: () => controls.step('left'),
    ArrowRight: () => controls.step('right'),
    ArrowUp: () => controls.step('up'),
    ArrowDown: () => controls.step('down'),
    PageUp: () => controls.scroll(-200),
    PageDown: () => controls.scroll(200),
    Enter: () => controls.zoomToSelected(),
    Escape: () => controls.clear(),
  };
  return actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
}
