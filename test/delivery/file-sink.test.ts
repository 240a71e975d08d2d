// SPDX-License-Identifier: Apache-2.0
//
// FileSink over a fake segment: who waits for whom, what is lost to whom, and that the books balance.
import type { ExportResult } from '@opentelemetry/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Drain } from '../../lib/sinks/drain';
import { ExporterSink } from '../../lib/sinks/exporter-sink';
import { FileSink } from '../../lib/sinks/file-sink';
import { ReaderLoss } from '../../lib/sinks/reader-loss';
import { FakePipeline, FakeSegment } from './fake-segment';
import { failure, ManualExporter, SUCCESS } from './manual-exporter';

const ENVIRONMENT = 7;
const MOST_WAITING = 1024;

class FakeFile {
  isWritable = true;
  /** Slices in it. */
  slices = 0;
  restarts = 0;

  write(_packets: Buffer, slices: number): boolean {
    if (this.isWritable) this.slices += slices;
    return this.isWritable;
  }
  close(): void {
    this.isWritable = false;
  }
  finish(): Buffer {
    return Buffer.alloc(0);
  }
  restart(): void {
    this.restarts += 1;
  }
}

/** A reader with a file, and beside it the exporter, if one is given. */
function reading(segment: FakeSegment, exporter?: ManualExporter) {
  segment.lease = ENVIRONMENT;
  const file = new FakeFile();
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const pipeline = new FakePipeline(segment);
  const traced = {
    read: (most: number) => {
      const batch = pipeline.read(most);
      return batch && { ...batch, spans: { packets: Buffer.alloc(0), slices: batch.spanCount, spans: batch.spans } };
    },
  };
  const options = { destination: 'there', warn, maxWaitingSpans: MOST_WAITING };
  const beside = exporter && new ExporterSink(exporter, options);
  const sink = new FileSink<readonly ReadableSpan[]>({ file, pipeline: file, beside, destination: 'there', warn });
  const drain = new Drain(segment, traced, sink, {
    environment: ENVIRONMENT,
    unread: () => segment.unread(),
    onLeaseLost: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  return { drain, file, warnings };
}

function readAll(drain: { turn(): boolean }): void {
  while (drain.turn());
}

describe('a trace file beside an exporter', () => {
  it('is written while the exporter answers nothing, and what waits for that is bounded', () => {
    const segment = new FakeSegment(1, 8192);
    const exporter = new ManualExporter();
    const { drain, file, warnings } = reading(segment, exporter);
    segment.record(0, 8000);
    readAll(drain);
    expect(file.slices).toBe(8000);
    while (exporter.pending.length > 0) exporter.answerOldest(SUCCESS);
    // Two exports in flight, and what waited.
    expect(exporter.exported).toHaveLength(2 * 512 + MOST_WAITING);
    expect(segment.account).toMatchObject({ delivered: exporter.exported.length, held: 0 });
    expect(segment.account.lost[ReaderLoss.queueFull]).toBe(8000 - exporter.exported.length);
    expect(warnings.filter((text) => text.includes('queue_full'))).toHaveLength(1);
    expect(segment.imbalances.every((difference) => difference === 0)).toBe(true);
    drain.stop();
  });

  it('says anew that the exporter takes too little only after that has caught up', () => {
    const segment = new FakeSegment(1, 8192);
    const exporter = new ManualExporter();
    const { drain, warnings } = reading(segment, exporter);
    for (let episode = 1; episode <= 2; episode++) {
      segment.record(0, 4000);
      readAll(drain);
      while (exporter.pending.length > 0) exporter.answerOldest(SUCCESS);
      expect(warnings).toHaveLength(episode);
    }
    drain.stop();
  });

  it('says nothing anew when what waited was refused, until something arrives', () => {
    const segment = new FakeSegment(1, 8192);
    const exporter = new ManualExporter();
    const { drain, warnings } = reading(segment, exporter);
    const told = () => warnings.filter((text) => text.includes('queue_full')).length;
    const overflow = (answer: ExportResult): void => {
      segment.record(0, 4000);
      readAll(drain);
      while (exporter.pending.length > 0) exporter.answerOldest(answer);
    };
    for (let burst = 0; burst < 3; burst++) overflow(failure('refused'));
    expect(told()).toBe(1);
    overflow(SUCCESS);
    expect(told()).toBe(1);
    overflow(SUCCESS);
    expect(told()).toBe(2);
    drain.stop();
  });

  it('loses what cannot be written once, whatever becomes of it beside, and begins its trace again', () => {
    const segment = new FakeSegment(1, 4096);
    const exporter = new ManualExporter();
    const { drain, file } = reading(segment, exporter);
    file.isWritable = false;
    segment.record(0, 600); // two reads: one export succeeds, one fails
    readAll(drain);
    exporter.answerOldest(SUCCESS);
    exporter.answerOldest(failure('refused'));
    expect(segment.account).toMatchObject({ delivered: 0, held: 0 });
    expect(segment.account.lost[ReaderLoss.fileFailed]).toBe(512);
    expect(segment.account.lost[ReaderLoss.exportFailed]).toBe(88);
    expect(file.restarts).toBe(2);
    drain.stop();
  });

  it('balances consumed = delivered + held + lost after every step, whatever happens in whatever order', () => {
    const step = fc.record({
      what: fc.constantFrom('record', 'record', 'turn', 'turn', 'success', 'failure', 'disk'),
      slices: fc.integer({ min: 1, max: 900 }),
    });
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 60 }), (hasExporter, steps) => {
        const segment = new FakeSegment(2, 2048);
        const exporter = hasExporter ? new ManualExporter() : undefined;
        const { drain, file } = reading(segment, exporter);
        for (const { what, slices } of steps) {
          if (what === 'record') segment.record(slices % 2, slices);
          else if (what === 'turn') drain.turn();
          else if (what === 'disk') file.isWritable = !file.isWritable;
          else if (exporter?.pending.length) exporter.answerOldest(what === 'success' ? SUCCESS : failure('refused'));
        }
        readAll(drain);
        drain.stop();
        expect(segment.imbalances.filter((difference) => difference !== 0)).toEqual([]);
        expect(segment.account.held).toBe(0);
        if (exporter === undefined) expect(segment.account.delivered).toBe(file.slices);
      }),
      { numRuns: 500 },
    );
  });
});
