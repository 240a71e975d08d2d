// SPDX-License-Identifier: Apache-2.0
//
// Makes elements. Text goes in as text, never as markup: it comes from a trace that anybody may have written. Called by
// all that draws the page, in the browser.

type Child = Node | string | undefined;
type Handlers = { readonly [Type in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Type]) => void };

export interface Properties {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  /** Attributes by name; undefined: none. */
  readonly attributes?: Readonly<Record<string, string | number | undefined>>;
  readonly on?: Handlers;
}

/** An element with its children; those that are undefined are left out. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (properties.class !== undefined) element.className = properties.class;
  if (properties.id !== undefined) element.id = properties.id;
  if (properties.title !== undefined) element.title = properties.title;
  setAttributes(element, properties.attributes);
  for (const [type, handler] of Object.entries(properties.on ?? {})) {
    element.addEventListener(type, handler as EventListener);
  }
  append(element, children);
  return element;
}

/** The same for a drawing. */
export function draw<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, attributes);
  append(element, children);
  return element;
}

/** In place of what it has. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  append(element, children);
}

function setAttributes(element: Element, attributes: Properties['attributes']): void {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined) element.setAttribute(name, String(value));
  }
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) if (child !== undefined) element.append(child);
}
