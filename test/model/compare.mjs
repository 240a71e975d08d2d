// SPDX-License-Identifier: Apache-2.0
//
// Holds the spans that came out of a program against the tree that the model says: names, parents, links, attributes,
// events, status and order. Ids are whatever they are; each may be used once. Pure.

/**
 * @typedef {object} Span as it was exported, whichever way
 * @property {string} trace
 * @property {string} id
 * @property {string} parent '' without one
 * @property {boolean} remote whether the parent is in another process that gpuspan knows nothing of
 * @property {string} name
 * @property {boolean} server
 * @property {[number, number]} start
 * @property {[number, number]} end
 * @property {Record<string, any>} attributes
 * @property {{ name: string, attributes: object }[]} events
 * @property {{ code: number, message: string }} status
 * @property {{ trace: string, id: string }[]} links
 */

/** Of the machine and the moment: not the model's business. */
const ENVIRONMENT = /^(thread\.id$|gpuspan\.worker\.|gpuspan\.lost\.)/;

/**
 * A stamp is within 1 us of the truth (docs/design/spans.md), and one that is read early, beyond the last snapshot of
 * the clocks, is not converted quite as one that is read late.
 */
const TOLERANCE_NANOS = 2_000;

const key = (trace, id) => `${trace}/${id}`;

/** What differs, one line each; spans whose parent is missing. @returns {{ problems: string[], orphans: number }} */
export function compareSpans(expected, spans) {
  const comparison = new Comparison(expected, spans);
  comparison.run();
  return { problems: comparison.problems, orphans: comparison.orphans };
}

/** Ids of spans that more than one span has. `seen` goes on from call to call. @returns {string[]} */
export function findDuplicates(spans, seen) {
  const twice = [];
  for (const { id } of spans) {
    if (seen.has(id)) twice.push(id);
    seen.add(id);
  }
  return twice;
}

class Comparison {
  problems = [];
  orphans = 0;
  #expected;
  #spans;
  #children = new Map();
  #spanOf = new Map();
  #matched = new Set();

  constructor(expected, spans) {
    this.#expected = expected;
    this.#spans = spans;
  }

  run() {
    const known = new Set(this.#spans.map(({ trace, id }) => key(trace, id)));
    for (const span of this.#spans) {
      const parent = key(span.trace, span.parent);
      if (this.#children.has(parent)) this.#children.get(parent).push(span);
      else this.#children.set(parent, [span]);
      if (span.parent === '' || span.remote || known.has(parent)) continue;
      this.orphans++;
      this.problems.push(`orphan: ${describe(span)}`);
    }
    for (const node of this.#expected.roots) this.#matchTop(node, 'rid');
    for (const node of this.#expected.batches) this.#matchTop(node, 'batch');
    this.#checkTraces();
    for (const [node, span] of this.#spanOf) this.#checkLinks(node, span);
    for (const span of this.#spans) if (!this.#matched.has(span)) this.problems.push(`unexpected: ${describe(span)}`);
  }

  #matchTop(node, attribute) {
    const found = this.#spans.filter((span) => span.attributes[attribute] === node.attributes[attribute]);
    if (found.length !== 1) this.problems.push(`${found.length} spans for ${describeNode(node)}`);
    if (found.length > 0) this.#match(node, found[0]);
  }

  #match(node, span) {
    this.#spanOf.set(node, span);
    this.#matched.add(span);
    this.#compare(node, span);
    const left = [...(this.#children.get(key(span.trace, span.id)) ?? [])].sort(byStart);
    const pairs = [];
    for (const child of [...node.children].sort((a, b) => a.order - b.order)) {
      const index = left.findIndex((candidate) => signature(child) === signature(candidate));
      if (index < 0) this.problems.push(`missing: ${describeNode(child)} in ${describe(span)}`);
      else pairs.push([child, left.splice(index, 1)[0]]);
    }
    this.#checkOrder(pairs);
    for (const [child, found] of pairs) this.#match(child, found);
  }

  #compare(node, span) {
    const where = describe(span);
    const attributes = Object.entries(span.attributes).filter(([name]) => !ENVIRONMENT.test(name));
    this.#equal(`attributes of ${where}`, Object.fromEntries(attributes), node.attributes);
    this.#equal(`events of ${where}`, span.events, node.events);
    this.#equal(`status of ${where}`, span.status, node.status);
    this.#equal(`name of ${where}`, span.name, node.name);
    this.#equal(`kind of ${where}`, span.server, node.caller !== undefined);
    if (node.kind === 'root') this.#equal(`caller of ${where}`, span.parent, node.caller ?? '');
    if (node.trace !== undefined) this.#equal(`trace of ${where}`, span.trace, node.trace);
    if (node.kind === 'batch') this.#equal(`parent of ${where}`, span.parent, '');
    if (compareTimes(span.end, span.start) < 0) this.problems.push(`ends before it starts: ${where}`);
    const parent = this.#spanOf.get(node.parent);
    // Told slices and other processes read another clock, or the same through other snapshots.
    if (parent === undefined || !node.timed || !node.parent.timed || node.parent.actor !== node.actor) return;
    const early = nanosBetween(span.start, parent.start);
    if (early > TOLERANCE_NANOS) this.problems.push(`starts ${early} ns before its parent: ${where}`);
    // A slice of a batch may outlast a member that leaves meanwhile.
    const stays = node.kind === 'slice' && (node.parent.kind === 'worker' || node.parent.kind === 'batch');
    const late = nanosBetween(parent.end, span.end);
    if (stays && late > TOLERANCE_NANOS) this.problems.push(`ends ${late} ns after its stay: ${where}`);
  }

  // Siblings that one thread stamped start in the order in which it began them.
  #checkOrder(pairs) {
    const last = new Map();
    for (const [node, span] of pairs) {
      if (!node.timed || node.kind === 'worker') continue;
      const before = last.get(node.actor);
      if (before !== undefined && nanosBetween(span.start, before.start) > TOLERANCE_NANOS) {
        this.problems.push(`starts before ${describe(before)}, which was begun first: ${describe(span)}`);
      }
      last.set(node.actor, span);
    }
  }

  /** Requests without a caller, and batches, have a trace of their own. */
  #checkTraces() {
    const own = [...this.#expected.roots.filter(({ trace }) => trace === undefined), ...this.#expected.batches];
    const traces = own.map((node) => this.#spanOf.get(node)?.trace).filter((trace) => trace !== undefined);
    if (new Set(traces).size !== traces.length) this.problems.push('two requests or batches share a trace');
  }

  #checkLinks(node, span) {
    const expected = node.links
      .map((target) => this.#spanOf.get(target))
      .map((target) => (target === undefined ? 'nothing' : key(target.trace, target.id)));
    const found = span.links.map(({ trace, id }) => key(trace, id));
    if (JSON.stringify(expected) === JSON.stringify(found)) return;
    const names = node.links.map(describeNode).join(', ') || 'nothing';
    this.problems.push(
      `${describe(span)} links to ${found.map((id) => this.#nameOf(id)).join(', ') || 'nothing'} instead of ${names}`,
    );
  }

  #nameOf(id) {
    const span = this.#spans.find((candidate) => key(candidate.trace, candidate.id) === id);
    return span === undefined ? id : describe(span);
  }

  #equal(what, found, expected) {
    const [a, b] = [canonical(found), canonical(expected)];
    if (a !== b) this.problems.push(`${what}: ${a} instead of ${b}`);
  }
}

/** What tells siblings apart; those of one signature are told apart by their order. Works on nodes and spans. */
function signature({ name, attributes, status }) {
  const { n, rid, stay } = attributes;
  return `${name} ${n ?? ''} ${rid ?? ''} ${stay ?? (status.message.startsWith('gone') ? status.message : '')}`;
}

function describe({ name, attributes, trace, id }) {
  return `${name} ${canonical(attributes)} (${trace.slice(0, 6)}/${id.slice(0, 6)})`;
}

function describeNode({ kind, name, attributes, actor, order }) {
  return `${kind} ${name} ${canonical(attributes)} of operation ${order} by actor ${actor}`;
}

function canonical(value) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${name}: ${canonical(item)}`).join(', ')}}`;
}

function byStart(a, b) {
  return compareTimes(a.start, b.start);
}

function compareTimes(a, b) {
  return a[0] - b[0] || a[1] - b[1];
}

function nanosBetween(from, to) {
  return (to[0] - from[0]) * 1e9 + to[1] - from[1];
}
