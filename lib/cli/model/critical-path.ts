// SPDX-License-Identifier: Apache-2.0
//
// The critical path of one request: walking back from its end, the child that ended last is what was waited for. The
// parts are disjoint and cover the root span exactly. Worker spans are no steps: they say where, and a request may be on
// several at a time, one of which waits for the other; what they hold is looked at together. GPU slices are not steps of it, because they run beside the host;
// each part says how much of it the GPU worked for the request. Called by `gpuspan report` for the slowest. Pure.
import { Intervals } from './intervals';

/** A span of one trace; times in ns from the report's base. */
export interface PathSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly kind: 'request' | 'worker' | 'slice';
  readonly gpu: boolean;
}

/** What the path calls the request's time in which it had no slice. */
export const NO_SLICE = '(no slice)';

export interface PathPart {
  readonly span: PathSpan;
  readonly start: number;
  readonly end: number;
}

interface Frame {
  readonly span: PathSpan;
  readonly from: number;
  /** Latest end last. */
  readonly children: PathSpan[];
  /** What lies after it is told. */
  until: number;
}

/** The parts, in order of time. Spans that name each other as parents are passed once. */
export function criticalPath(root: PathSpan, spans: readonly PathSpan[]): PathPart[] {
  const children = childrenByEnd(spans);
  const seen = new Set<PathSpan>([root]);
  const parts: PathPart[] = [];
  const open = (span: PathSpan, from: number, until: number): Frame => ({
    span,
    from: Math.max(from, span.start),
    children: [...(children.get(span.spanId) ?? [])],
    until,
  });
  const stack = [open(root, root.start, Math.max(root.start, root.end))];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = frame.children.pop();
    if (child === undefined) {
      tell(parts, frame.span, frame.from, frame.until);
      stack.pop();
      continue;
    }
    const end = Math.min(child.end, frame.until);
    const start = Math.max(child.start, frame.from);
    if (start >= end || seen.has(child)) continue;
    seen.add(child);
    tell(parts, frame.span, end, frame.until);
    frame.until = start;
    stack.push(open(child, start, end));
  }
  return parts.reverse();
}

function tell(parts: PathPart[], span: PathSpan, start: number, end: number): void {
  if (end > start) parts.push({ span, start, end });
}

function childrenByEnd(spans: readonly PathSpan[]): Map<string, PathSpan[]> {
  const children = new Map<string, PathSpan[]>();
  const workers = new Map(
    spans.filter(({ kind }) => kind === 'worker').map((span) => [span.spanId, span.parentSpanId]),
  );
  for (const span of spans) {
    if (span.gpu || span.kind === 'worker' || span.parentSpanId === '') continue;
    const parent = workers.get(span.parentSpanId) ?? span.parentSpanId;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  for (const siblings of children.values()) siblings.sort((a, b) => a.end - b.end || a.start - b.start);
  return children;
}

export interface PathStep {
  readonly name: string;
  readonly nanos: number;
  /** Of `nanos`, while a GPU slice of the request was open. */
  readonly gpuNanos: number;
  /** Of the request's duration, 0 to 1. */
  readonly share: number;
}

/** The path by name, longest first. */
export function pathByName(parts: readonly PathPart[], spans: readonly PathSpan[]): PathStep[] {
  const gpu = new Intervals();
  for (const span of spans) if (span.gpu) gpu.add(span.start, span.end);
  const busy = gpu.merged();
  const sums = new Map<string, { nanos: number; gpuNanos: number }>();
  let at = 0;
  for (const { span, start, end } of parts) {
    while (at < busy.length && busy[at]![1] <= start) at++;
    const name = span.kind === 'request' ? NO_SLICE : span.name;
    const sum = sums.get(name) ?? { nanos: 0, gpuNanos: 0 };
    sum.nanos += end - start;
    for (let i = at; i < busy.length && busy[i]![0] < end; i++) {
      sum.gpuNanos += Math.min(end, busy[i]![1]) - Math.max(start, busy[i]![0]);
    }
    sums.set(name, sum);
  }
  const total = [...sums.values()].reduce((sum, { nanos }) => sum + nanos, 0);
  const steps = [...sums].map(([name, sum]) => ({ name, ...sum, share: sum.nanos / total }));
  return steps.sort((a, b) => b.nanos - a.nanos);
}
