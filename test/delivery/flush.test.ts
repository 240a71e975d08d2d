// SPDX-License-Identifier: Apache-2.0
//
// flush(): one deadline, whatever goes on meanwhile, and one line at most.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { flush } from '../../lib/sinks/flush';
import { FakeSegment } from './fake-segment';

const TIMEOUT_MILLIS = 30_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function flushing(segment: FakeSegment, hopeless = () => false) {
  const seen = { over: false, warnings: [] as string[] };
  const options = { wake: () => undefined, hopeless, timeoutMillis: TIMEOUT_MILLIS, to: 'to a test' };
  void flush(segment, { ...options, warn: (message) => seen.warnings.push(message) }).then(() => {
    seen.over = true;
  });
  return seen;
}

it('ends at its deadline although slices are read all the time, and says what is undelivered', async () => {
  const segment = new FakeSegment(1, 1024);
  const seen = flushing(segment);
  for (let second = 1; second <= 29; second++) {
    segment.record(0, 10);
    segment.advance(0, second * 10, 0, 10, 0);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(seen).toEqual({ over: false, warnings: [] });
  segment.record(0, 7);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(seen.over).toBe(true);
  expect(seen.warnings).toEqual([
    '7 slices and 0 request, worker and batch spans were not delivered to a test within 30000 ms',
  ]);
});

it('ends without a word when its ticket is answered, or when nobody will answer it', async () => {
  const segment = new FakeSegment(1, 1024);
  segment.record(0, 7);
  const answered = flushing(segment);
  segment.flushDone(segment.flushRequested());
  await vi.advanceTimersByTimeAsync(10);
  let alone = false;
  const hopeless = flushing(segment, () => alone);
  await vi.advanceTimersByTimeAsync(10);
  expect(hopeless.over).toBe(false);
  alone = true;
  await vi.advanceTimersByTimeAsync(10);
  expect([answered, hopeless]).toEqual([
    { over: true, warnings: [] },
    { over: true, warnings: [] },
  ]);
});
