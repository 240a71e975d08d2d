// SPDX-License-Identifier: Apache-2.0
//
// docs/request-tracing.md is true: every row has an example or a reason, every example runs with tracing on and loses
// nothing, those that compare come out true, and trees are what was exported. One process, one tracer.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { levelHandler, start } from 'gpuspan';
import * as sglang from 'gpuspan/sglang';
import * as stages from 'gpuspan/stages';
import { type Receiver, query, startReceiver } from 'gpuspan/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const TEXT = readFileSync(join(__dirname, '../../docs/request-tracing.md'), 'utf8');
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;
/** Needs a GPU to be recorded. */
const ALLOWED_LOSSES = ['gpu_device'];

interface Row {
  readonly concept: string;
  readonly example: string;
  readonly code: string | undefined;
}

/** The rows of all tables of three columns. */
function rows(): Row[] {
  const lines = TEXT.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| SGLang'));
  return lines.map((line) => {
    const cells = line.slice(2, -2).split(' | ');
    expect(cells, line).toHaveLength(3);
    const [concept, , example] = cells as [string, string, string];
    return { concept, example, code: example.match(/^`(.+?)`/)?.[1] };
  });
}

/** Each block of code with the tree that follows it. */
function blocks(): { code: string; tree: string }[] {
  const found = TEXT.matchAll(/```js\n([\s\S]+?)```\n\n```\n([\s\S]+?)\n```/g);
  return [...found].map((match) => ({ code: match[1]!, tree: match[2]! }));
}

let receiver: Receiver;
let tracer: ReturnType<typeof start>;

beforeAll(async () => {
  receiver = await startReceiver();
  Object.assign(process.env, { GPUSPAN: '1', GPUSPAN_DEVICE: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  tracer = start({ serviceName: 'server', worker: { label: 'Scheduler', tpRank: 0 } });
});
afterAll(async () => {
  await tracer.shutdown();
  await receiver.close();
});

/** What the page's preamble gives each example. */
function preamble() {
  const request = tracer.request({ id: 'rid' });
  const [first, second] = [tracer.request(), tracer.request()];
  const batch = tracer.batch([first, second]);
  const queuedAt = tracer.now();
  const given = {
    levelHandler,
    start,
    stages,
    tracer,
    request,
    first,
    second,
    batch,
    queuedAt,
    hit: true,
    traceparent: TRACEPARENT,
  };
  return { ...given, ...sglang };
}

/** Evaluates code in which the names of `scope` are known, in this realm: an Error of it is an Error of ours. */
const evaluate = new Function('scope', 'code', 'with (scope) { return eval(code); }') as (
  scope: object,
  code: string,
) => unknown;

/** Runs an example and returns its value and what it lost. */
async function run(code: string) {
  const before = { ...tracer.stats().lost };
  const scope = preamble();
  // A promise of the example's is waited for; what it says last is its value.
  const value = await evaluate(scope, code.includes('await ') ? `(async () => { ${code} })()` : code);
  const lost = Object.entries(tracer.stats().lost).filter(
    ([reason, count]) => count !== (before[reason] ?? 0) && !ALLOWED_LOSSES.includes(reason),
  );
  for (const one of [scope.first, scope.second]) one.finish();
  return { value, lost, request: scope.request };
}

const isComparison = (code: string) => / (===|>|>=|<) |\.test\(/.test(code.split(';').at(-2) ?? '');

describe('docs/request-tracing.md', () => {
  it('has an example, a page or a reason for every concept', () => {
    expect(rows().length).toBeGreaterThan(45);
    expect(rows().filter(({ code }) => code !== undefined && isComparison(code)).length).toBeGreaterThan(8);
    for (const { concept, example, code } of rows())
      expect([concept, code !== undefined || example === 'none' || /\[.+\]\(.+\)/.test(example)]).toEqual([
        concept,
        true,
      ]);
  });

  it.each(rows().filter(({ code }) => code !== undefined))('runs its example: $concept', async ({ code }) => {
    const { value, lost } = await run(code!);
    expect(lost).toEqual([]);
    if (isComparison(code!)) expect(value).toBe(true);
  });

  it.each(blocks())('shows the spans that come out of: $tree', async ({ code, tree }) => {
    const { lost, request } = await run(code);
    expect(lost).toEqual([]);
    await tracer.flush();
    const trace = request.headers()['traceparent']!.split('-')[1]!;
    const spans = receiver.spans.filter(({ traceId }) => traceId === trace);
    const root = spans.find(({ name }) => name === 'request');
    expect(query(spans).tree(root!)).toBe(tree);
  });

  it('leaves no span without its parent', async () => {
    await tracer.shutdown();
    expect(receiver.spans.length).toBeGreaterThan(100);
    expect(query(receiver.spans).orphans()).toEqual([]);
  });
});
