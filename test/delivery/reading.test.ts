// SPDX-License-Identifier: Apache-2.0
//
// Drain and Ledger over a fake segment: what is delivered, when rings advance, and that the books balance.
import fc from 'fast-check';
import { setImmediate as nextLoop } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Drain } from '../../lib/sinks/drain';
import { ExporterSink } from '../../lib/sinks/exporter-sink';
import { describeUndelivered, outstanding } from '../../lib/sinks/flush';
import { Ledger } from '../../lib/sinks/ledger';
import { ReaderLoss } from '../../lib/sinks/reader-loss';
import { FakePipeline, FakeSegment } from './fake-segment';
import { failure, ImmediateExporter, ManualExporter, SUCCESS } from './manual-exporter';

const ENVIRONMENT = 7;

function reading(
  segment: FakeSegment,
  exporter: ManualExporter | ImmediateExporter,
  pipeline = new FakePipeline(segment),
) {
  segment.lease = ENVIRONMENT;
  const sink = new ExporterSink(exporter, { destination: 'test', warn: () => undefined });
  const outcome = { leaseLost: 0, failures: [] as unknown[] };
  const drain = new Drain(segment, pipeline, sink, {
    environment: ENVIRONMENT,
    unread: () => segment.unread(),
    onLeaseLost: () => outcome.leaseLost++,
    onFailure: (error) => outcome.failures.push(error),
  });
  return { drain, pipeline, outcome };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextLoop();
}

describe('the reading loop', () => {
  it('never has more than two exports in flight and loses nothing on a slow exporter', async () => {
    const segment = new FakeSegment(3, 4096);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    for (const lane of [0, 1, 2]) segment.record(lane, 2000);
    drain.turn();
    while (exporter.exported.length < 6000) {
      await until(() => exporter.pending.length > 0);
      exporter.answerOldest(SUCCESS);
      await nextLoop();
    }
    expect(exporter.mostInFlight).toBe(2);
    expect(Math.max(...exporter.sizes)).toBeLessThanOrEqual(512);
    expect(new Set(exporter.exported).size).toBe(6000);
    drain.stop();
    expect(segment.account).toMatchObject({ delivered: 6000, held: 0 });
  });

  it('advances a ring that is under half full only when the exporter has answered', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 100);
    drain.turn();
    expect(segment.lanes[0]!.read).toBe(0);
    exporter.answerOldest(SUCCESS);
    drain.stop();
    expect(segment.lanes[0]!.read).toBe(100);
    expect(segment.account.delivered).toBe(100);
  });

  it('advances a ring that is half full at once and holds its slices until the answer', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 1024);
    drain.turn();
    expect(segment.lanes[0]!.read).toBe(1024);
    expect(segment.account).toMatchObject({ delivered: 0, held: 1024 });
    exporter.answerOldest(SUCCESS);
    exporter.answerOldest(SUCCESS);
    drain.stop();
    expect(segment.account).toMatchObject({ delivered: 1024, held: 0 });
  });

  it('advances in ring order when the second of two exports is answered first', () => {
    const segment = new FakeSegment(1, 65_536);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 1024);
    drain.turn();
    exporter.answerNewest(SUCCESS);
    expect(segment.lanes[0]!.read).toBe(0);
    exporter.answerNewest(SUCCESS);
    expect(segment.lanes[0]!.read).toBe(1024);
    drain.stop();
  });

  it('counts what the exporter refuses as export_failed', () => {
    const segment = new FakeSegment(2, 1024);
    const exporter = new ImmediateExporter();
    exporter.verdict = (spans) => (spans.some(({ name }) => name === '0:0') ? failure('no') : SUCCESS);
    const { drain } = reading(segment, exporter);
    segment.record(0, 10);
    drain.turn();
    segment.record(1, 15);
    drain.turn();
    drain.stop();
    expect(segment.account.delivered).toBe(15);
    expect(segment.account.lost[ReaderLoss.exportFailed]).toBe(10);
  });

  it('counts malformed slots apart and delivers the rest', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ImmediateExporter();
    const { drain, pipeline } = reading(segment, exporter);
    pipeline.corruptEvery = 4;
    segment.record(0, 100);
    drain.turn();
    drain.stop();
    expect(segment.account.lost[ReaderLoss.corrupt]).toBe(25);
    expect(segment.account.delivered).toBe(75);
  });

  it('counts neither as delivered nor as failed where all slots are malformed', () => {
    const segment = new FakeSegment(1, 1024);
    const { drain, pipeline } = reading(segment, new ImmediateExporter());
    pipeline.corruptEvery = 1;
    segment.record(0, 5);
    drain.turn();
    drain.stop();
    const { delivered, lost } = segment.account;
    expect(delivered).toBe(0);
    expect(lost[ReaderLoss.corrupt]).toBe(5);
    expect(lost.filter((count) => count !== 0)).toEqual([5]);
  });

  it('answers a flush only when everything recorded before it was answered by the exporter', async () => {
    const segment = new FakeSegment(2, 1024);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 400);
    segment.record(1, 400);
    const ticket = segment.flushRequest();
    drain.wake();
    while (segment.done !== ticket) {
      expect(exporter.exported.length).toBeLessThan(800);
      await until(() => exporter.pending.length > 0 || segment.done === ticket);
      if (exporter.pending.length > 0) exporter.answerOldest(SUCCESS);
      await nextLoop();
    }
    expect(exporter.exported).toHaveLength(800);
    drain.stop();
  });

  it('answers a flush although the lanes go on recording', async () => {
    const segment = new FakeSegment(2, 1024);
    const exporter = new ImmediateExporter();
    const pipeline = new FakePipeline(segment);
    const read = pipeline.read.bind(pipeline);
    pipeline.read = (maxSpans) => {
      segment.record(0, 600);
      segment.record(1, 600);
      return read(maxSpans);
    };
    const { drain } = reading(segment, exporter, pipeline);
    const ticket = segment.flushRequest();
    drain.wake();
    await until(() => segment.done === ticket);
    drain.stop();
    expect(segment.imbalances.every((difference) => difference === 0)).toBe(true);
  });

  it('stops reading when another environment holds the lease', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ImmediateExporter();
    const { drain, outcome } = reading(segment, exporter);
    segment.lease = 99;
    segment.record(0, 10);
    drain.turn();
    drain.turn();
    expect(exporter.exported).toEqual([]);
    expect(outcome.leaseLost).toBe(1);
    drain.stop();
    expect(segment.lease).toBe(99);
  });

  it('changes nothing any more when an answer comes after the lease went to another environment', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ManualExporter();
    const { drain, outcome } = reading(segment, exporter);
    segment.record(0, 100);
    drain.turn();
    segment.lease = 99;
    const published = segment.imbalances.length;
    exporter.answerOldest(SUCCESS);
    expect(outcome.leaseLost).toBe(1);
    drain.stop();
    expect([segment.lanes[0]!.read, segment.account.delivered]).toEqual([0, 0]);
    expect(segment.imbalances).toHaveLength(published);
  });

  it('forgets what it had read when it finds the lease gone, though the lease comes back', () => {
    const segment = new FakeSegment(1, 1024);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 100);
    drain.turn();
    segment.lease = 99;
    drain.turn();
    segment.lease = ENVIRONMENT; // for another Drain of this environment
    exporter.answerOldest(SUCCESS);
    expect(segment.lanes[0]!.read).toBe(0);
  });

  it('reports an error of the pipeline, frees the lease and reads no more', () => {
    const segment = new FakeSegment(1, 1024);
    const pipeline = new FakePipeline(segment);
    const broken = new Error('not a segment');
    pipeline.read = () => {
      throw broken;
    };
    const { drain, outcome } = reading(segment, new ImmediateExporter(), pipeline);
    expect(drain.turn()).toBe(false);
    drain.turn();
    expect(outcome.failures).toEqual([broken]);
    expect(segment.lease).toBe(0);
  });

  it('leaves unanswered slices to the next reader, and what had left its ring is lost as shutdown', () => {
    const segment = new FakeSegment(2, 1024);
    const exporter = new ManualExporter();
    const { drain } = reading(segment, exporter);
    segment.record(0, 600); // more than half: advanced at once
    segment.record(1, 50);
    drain.turn();
    drain.stop();
    expect(segment.lease).toBe(0);
    expect(segment.account.lost[ReaderLoss.shutdown]).toBe(512);
    const successor = new ImmediateExporter();
    reading(segment, successor).drain.turn();
    expect(successor.exported).toHaveLength(88 + 50);
  });

  it('counts what a reader that vanished had consumed without settling as reader_gone', () => {
    const segment = new FakeSegment(1, 1024);
    const { drain } = reading(segment, new ManualExporter());
    segment.record(0, 600);
    drain.turn();
    const consumed = segment.consumed;
    expect(consumed).toBeGreaterThan(0);
    const next = reading(segment, new ImmediateExporter());
    expect(segment.account.lost[ReaderLoss.readerGone]).toBe(consumed);
    expect(segment.account.held).toBe(0);
    next.drain.turn();
    drain.stop();
  });

  it('settles owners too: those of a failed export and of a vanished reader are lost, and nothing is outstanding', () => {
    const segment = new FakeSegment(1, 1024);
    const batch = (low: number, full: boolean) => ({
      spanCount: 10,
      slices: 6,
      owners: 4,
      corrupt: 0,
      lanes: [{ lane: 0, low, high: 0, slices: 6, owners: 4, full }],
    });
    segment.owners = segment.record(0, 12) - 4;
    const ledger = new Ledger(segment);
    ledger.settle(ledger.open(batch(6, false)), 10);
    ledger.publish();
    expect(segment.account).toMatchObject({ owners: 0, lostOwners: 4, consumedOwners: 4 });
    expect(describeUndelivered(segment)).toBe('6 slices and 4 request, worker and batch spans');
    ledger.open(batch(12, true)); // advanced at once, never answered
    new Ledger(segment);
    expect(segment.account).toMatchObject({ owners: 0, lostOwners: 8 });
    expect(outstanding(segment)).toBe(false);
  });

  it('balances consumed = delivered + held + lost after every step, whatever happens in whatever order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('record' as const), lane: fc.nat(2), slices: fc.integer({ min: 1, max: 700 }) }),
      fc.record({
        kind: fc.constantFrom(
          'turn' as const,
          'oldest' as const,
          'newest' as const,
          'fail' as const,
          'successor' as const,
        ),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (steps, spansPerSlice) => {
        const segment = new FakeSegment(3, 1024);
        const exporter = new ManualExporter();
        const start = () => {
          const pipeline = new FakePipeline(segment, spansPerSlice);
          pipeline.corruptEvery = 13;
          return reading(segment, exporter, pipeline).drain;
        };
        let drain = start();
        let recorded = 0;
        for (const action of steps) {
          if (action.kind === 'record') recorded += segment.record(action.lane, action.slices);
          else if (action.kind === 'turn') drain.turn();
          else if (action.kind === 'successor') {
            drain.stop();
            exporter.pending.length = 0;
            drain = start();
          } else if (exporter.pending.length > 0) {
            if (action.kind === 'oldest') exporter.answerOldest(SUCCESS);
            else if (action.kind === 'newest') exporter.answerNewest(SUCCESS);
            else exporter.answerOldest(failure('no'));
          }
          const { delivered, held } = segment.account;
          expect(delivered + held + segment.lost).toBe(segment.consumed);
        }
        drain.stop();
        expect(segment.imbalances.filter((difference) => difference !== 0)).toEqual([]);
        expect(segment.account.held).toBe(0);
        expect(segment.stats().inRing + segment.consumed).toBe(recorded);
      }),
      { numRuns: 200 },
    );
  });
});
