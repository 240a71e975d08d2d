// SPDX-License-Identifier: Apache-2.0
//
// ExporterSink: what an exporter sees, and what its answers become.
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ExporterSink } from '../../lib/sinks/exporter-sink';
import { failure, ImmediateExporter, ManualExporter, SUCCESS } from './manual-exporter';

function spans(count: number): ReadableSpan[] {
  return Array.from({ length: count }, (_, index) => ({ name: `${index}` }) as ReadableSpan);
}

function sinkOf(
  exporter: ManualExporter | ImmediateExporter,
  warnings: string[] = [],
  timeoutMillis = 30_000,
): ExporterSink {
  return new ExporterSink(exporter, {
    destination: 'http://receiver.test/v1/traces',
    warn: (message) => warnings.push(message),
    timeoutMillis,
  });
}

describe('the exporter sink', () => {
  afterEach(() => void vi.useRealTimers());

  it('has at most two exports in flight and is not ready meanwhile', () => {
    const exporter = new ManualExporter();
    const sink = sinkOf(exporter);
    sink.write(spans(10), () => undefined);
    expect(sink.ready).toBe(true);
    sink.write(spans(10), () => undefined);
    expect(sink.ready).toBe(false);
    sink.write(spans(10), () => undefined);
    expect(exporter.pending).toHaveLength(2);
    exporter.answerOldest(SUCCESS);
    expect(exporter.pending).toHaveLength(2);
    exporter.answerOldest(SUCCESS);
    exporter.answerOldest(SUCCESS);
    expect(sink.ready).toBe(true);
    expect(exporter.mostInFlight).toBe(2);
  });

  it('cuts a large write into exports of at most 512 spans and settles it once, with what failed', () => {
    const exporter = new ManualExporter();
    const settled = vi.fn();
    sinkOf(exporter).write(spans(1200), settled);
    exporter.answerOldest(SUCCESS);
    exporter.answerOldest(failure('refused'));
    expect(settled).not.toHaveBeenCalled();
    exporter.answerOldest(SUCCESS);
    expect(exporter.sizes).toEqual([512, 512, 176]);
    expect(settled.mock.calls).toEqual([[512]]);
  });

  it('settles an empty write at once without an export', () => {
    const exporter = new ManualExporter();
    const settled = vi.fn();
    sinkOf(exporter).write([], settled);
    expect(settled.mock.calls).toEqual([[0]]);
    expect(exporter.sizes).toEqual([]);
  });

  it('takes hundreds of chunks from an exporter that answers at once', () => {
    const exporter = new ImmediateExporter();
    const settled = vi.fn();
    sinkOf(exporter).write(spans(512 * 300), settled);
    expect(exporter.exported).toHaveLength(512 * 300);
    expect(settled.mock.calls).toEqual([[0]]);
  });

  it('says once that exports fail, with destination and error, and once that they succeed again', () => {
    const warnings: string[] = [];
    const exporter = new ImmediateExporter();
    const sink = sinkOf(exporter, warnings);
    exporter.verdict = () => failure('connect ECONNREFUSED');
    for (let i = 0; i < 3; i++) sink.write(spans(5), () => undefined);
    expect(warnings).toEqual([
      'export to http://receiver.test/v1/traces fails: connect ECONNREFUSED; spans are lost until it succeeds again',
    ]);
    exporter.verdict = () => SUCCESS;
    sink.write(spans(1), () => undefined);
    expect(warnings.slice(1)).toEqual(['export to http://receiver.test/v1/traces succeeds again; 15 spans were lost']);
  });

  it('counts an export that throws as failed', () => {
    const warnings: string[] = [];
    const exporter = new ImmediateExporter();
    exporter.verdict = () => {
      throw new TypeError('not a span');
    };
    const settled = vi.fn();
    sinkOf(exporter, warnings).write(spans(3), settled);
    expect(settled.mock.calls).toEqual([[3]]);
    expect(warnings[0]).toContain('not a span');
  });

  it('counts an export without an answer as failed after its deadline, and goes on', () => {
    vi.useFakeTimers();
    const exporter = new ManualExporter();
    const sink = sinkOf(exporter, [], 1_000);
    const settled = vi.fn();
    sink.write(spans(3), settled);
    sink.write(spans(4), settled);
    vi.advanceTimersByTime(1_000);
    expect(settled.mock.calls).toEqual([[3], [4]]);
    expect(sink.ready).toBe(true);
    exporter.answerOldest(SUCCESS);
    expect(settled).toHaveBeenCalledTimes(2);
  });

  it('ignores a second answer to the same export', () => {
    const exporter = new ManualExporter();
    const sink = sinkOf(exporter);
    const settled = vi.fn();
    sink.write(spans(2), settled);
    const { answer } = exporter.pending[0]!;
    answer(SUCCESS);
    answer(failure('late'));
    expect(settled.mock.calls).toEqual([[0]]);
  });
});
