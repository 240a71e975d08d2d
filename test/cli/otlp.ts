// SPDX-License-Identifier: Apache-2.0
//
// Made-up spans in OTLP JSON, and a run of the command line in this process. Used by the tests of this folder.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { run } from '../../dist/cli/run';

export interface MadeSpan {
  readonly trace?: number;
  readonly id: number;
  readonly parent?: number;
  readonly name?: string;
  /** ns from BASE. */
  readonly start?: number;
  readonly end?: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** A trace and a span. */
  readonly link?: readonly [number, number];
  readonly error?: boolean;
}

export const BASE = 1_700_000_000_000_000_000n;

export const traceId = (number: number) => number.toString(16).padStart(32, '0');
export const spanId = (number: number) => number.toString(16).padStart(16, '0');

export function otlpSpan({ trace = 1, id, parent, name = 'stage', start = 0, end = 0, ...more }: MadeSpan) {
  const { attributes = {}, link, error } = more;
  return {
    traceId: traceId(trace),
    spanId: spanId(id),
    ...(parent !== undefined && { parentSpanId: spanId(parent) }),
    name,
    kind: 1,
    startTimeUnixNano: String(BASE + BigInt(start)),
    endTimeUnixNano: String(BASE + BigInt(end)),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: otlpValue(value) })),
    ...(link !== undefined && { links: [{ traceId: traceId(link[0]), spanId: spanId(link[1]) }] }),
    status: error === true ? { code: 2 } : {},
  };
}

function otlpValue(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** One export request of gpuspan's. */
export function otlpRequest(spans: readonly MadeSpan[], service = 'decoder', scope = 'gpuspan') {
  const attributes = [{ key: 'service.name', value: { stringValue: service } }];
  return {
    resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: scope }, spans: spans.map(otlpSpan) }] }],
  };
}

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gpuspan-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file of the test's own with this text, or these export requests as lines. */
export function fileOf(content: string | Uint8Array | readonly object[]): string {
  const path = join(temporaryFolder(), 'spans.jsonl');
  const lines = (requests: readonly object[]) => requests.map((request) => `${JSON.stringify(request)}\n`).join('');
  writeFileSync(path, typeof content === 'string' || content instanceof Uint8Array ? content : lines(content));
  return path;
}

/** `gpuspan <words>` in this process. */
export async function gpuspan(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const code = await run(words, {
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
  });
  return { code, ...said };
}
