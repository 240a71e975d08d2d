// SPDX-License-Identifier: Apache-2.0
//
// What becomes of host slices, GPU slices, worker spans and root spans.

import { describe, expect, test } from 'vitest';

import { payload } from '../segment/payload-builder';
import { Flag, Kind, TRACE } from '../segment/segment-builder';
import { buildSegment, EPOCH, hex, nanos, pipelineOver, readAll, RESOURCE, SCOPE } from './span-fixture';

describe('a host slice', () => {
  test('is a span named after its stage, in its trace, under its parent, at its times', () => {
    const segment = buildSegment();
    const stage = segment.stage('tokenize');
    segment.append(0, { kind: Kind.host, stage, start: 1000n, end: 2500n, span: 0x0102030405060708n, parent: 0xabn });
    const [span] = readAll(segment);
    expect(span).toMatchObject({ name: 'tokenize', kind: 0, ended: true });
    expect([span!.attributes, span!.links, span!.events]).toEqual([{}, [], []]);
    expect([span!.droppedAttributesCount, span!.droppedEventsCount, span!.droppedLinksCount]).toEqual([0, 0, 0]);
    expect(span!.spanContext()).toEqual({ traceId: TRACE, spanId: '0807060504030201', traceFlags: 1 });
    expect(span!.parentSpanContext).toEqual({ traceId: TRACE, spanId: 'ab00000000000000', traceFlags: 1 });
    expect(nanos(span!.startTime)).toBe(EPOCH + 1000n);
    expect(nanos(span!.endTime)).toBe(EPOCH + 2500n);
    expect(span!.duration).toEqual([0, 1500]);
    expect(span!.status).toEqual({ code: 0 });
    expect(span!.resource).toBe(RESOURCE);
    expect(span!.instrumentationScope).toBe(SCOPE);
  });

  test('has no parent context when it has no parent', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host });
    expect(readAll(segment)[0]!.parentSpanContext).toBeUndefined();
  });

  test('links to the previous first-level slice only when it is a first-level slice', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host, flags: Flag.firstLevel, previous: 7n });
    segment.append(0, { kind: Kind.host, flags: Flag.firstLevel, previous: 0n });
    segment.append(0, { kind: Kind.host, previous: 7n });
    const [linked, first, nested] = readAll(segment);
    expect(linked!.links).toEqual([{ context: { traceId: TRACE, spanId: hex(7n), traceFlags: 1 } }]);
    expect(first!.links).toEqual([]);
    expect(nested!.links).toEqual([]);
  });

  test('has the attributes of every type that the payload holds', () => {
    const segment = buildSegment();
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((key) => segment.key(key));
    const items = payload()
      .int(keys[0]!, -5)
      .int(keys[1]!, 2n ** 60n + 1n)
      .double(keys[2]!, 0.1)
      .bool(keys[3]!, true)
      .string(keys[4]!, 'größe')
      .strings(keys[5]!, ['x', ''])
      .numbers(keys[6]!, [1, 2.5])
      .int(keys[7]!, -(2n ** 40n));
    segment.append(0, { kind: Kind.host, payload: items });
    expect(readAll(segment)[0]!.attributes).toEqual({
      a: -5,
      b: '1152921504606846977',
      c: 0.1,
      d: true,
      e: 'größe',
      f: ['x', ''],
      g: [1, 2.5],
      h: -(2 ** 40),
    });
  });

  test('has events at their own times, in ticks or monotonic nanoseconds, with their attributes', () => {
    const segment = buildSegment({ clock: 2 });
    const retract = segment.name(3, 'retract', 1);
    const kept = segment.key('kept');
    const items = payload().event(retract, 1500n, 0, 1).int(kept, 3).event(retract, 1700n, 1, 0);
    segment.append(0, { kind: Kind.host, start: 1000n, end: 2000n, payload: items });
    const events = readAll(segment)[0]!.events;
    expect(events.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      { name: 'retract', attributes: { kept: 3 } },
      { name: 'retract', attributes: {} },
    ]);
    expect(events.map((event) => nanos(event.time))).toEqual([EPOCH + 1500n, EPOCH + 1700n]);
  });

  test('has the status written to it, and an exception as an event with error status', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host, payload: payload().status(1, '') });
    segment.append(0, { kind: Kind.host, start: 5n, end: 9n, payload: payload().exception('TypeError', 'no') });
    const [ok, failed] = readAll(segment);
    expect(ok!.status).toEqual({ code: 1 });
    expect(failed!.status).toEqual({ code: 2, message: 'no' });
    expect(failed!.events).toEqual([
      {
        name: 'exception',
        time: failed!.endTime,
        attributes: { 'exception.type': 'TypeError', 'exception.message': 'no' },
      },
    ]);
  });

  test('says what was dropped, cut or left open', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host, flags: Flag.dropped | Flag.truncated | Flag.unfinished });
    const [span] = readAll(segment);
    expect(span!.attributes).toEqual({
      'gpuspan.unfinished': true,
      'gpuspan.truncated': true,
      'gpuspan.dropped_attributes': true,
    });
    expect(span!.droppedAttributesCount).toBe(1);
  });

  test('keeps what could be decoded of a broken payload and says that some is missing', () => {
    const segment = buildSegment();
    const key = segment.key('tokens');
    segment.append(0, { kind: Kind.host, payload: payload().int(key, 4).raw([200]) });
    expect(readAll(segment)[0]!.attributes).toEqual({ tokens: 4, 'gpuspan.dropped_attributes': true });
  });

  test('is named other when its stage is not in the dictionary', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.host, stage: 60_000 });
    expect(readAll(segment)[0]!.name).toBe('other');
  });

  test('ends after its true duration when realtime was set back while it ran', () => {
    const segment = buildSegment();
    segment.snapshot(2_000_000_000n, 2_000_000_000n, EPOCH - 3_000_000_000n);
    segment.snapshot(3_000_000_000n, 3_000_000_000n, EPOCH - 2_000_000_000n);
    segment.append(0, { kind: Kind.host, start: 1_500_000_000n, end: 2_500_000_000n });
    expect(readAll(segment)[0]!.duration).toEqual([1, 0]);
  });
});

describe('a GPU slice', () => {
  test('carries source, bound, device, stream, launch time and queue delay', () => {
    const segment = buildSegment();
    const stage = segment.stage('gpu_forward');
    const items = payload().gpu(400n, 2, 3, 0xdeadn).int(segment.key('tokens'), 17);
    const flags = Flag.monotonic | Flag.clamped;
    const gpu = { bound: 250, stream: 6, lane: 0 };
    segment.append(0, { kind: Kind.gpu, flags, stage, start: 1000n, end: 5000n, parent: 9n, gpu, payload: items });
    const [span] = readAll(segment);
    expect(span!.name).toBe('gpu_forward');
    expect(span!.links).toEqual([]);
    expect(span!.attributes).toEqual({
      tokens: 17,
      'gpu.time.source': 'opencl',
      'gpu.time.bound_ns': 250,
      'gpu.time.clamped': true,
      'gpu.device': 3,
      'gpu.stream': 6,
      'gpu.launch_time_ns': String(EPOCH + 400n),
      'gpu.queue_delay_ns': 600,
    });
  });

  test('names its device by UUID where that is known, and says of how many slices it is one', () => {
    const segment = buildSegment();
    const uuid = segment.name(5, 'MIG-01234567-89ab-cdef-0123-456789abcdef');
    for (const [id, sampling] of [
      [uuid, 16],
      [0, 1],
      [0, 0],
    ] as const) {
      segment.append(0, { kind: Kind.gpu, flags: Flag.monotonic, payload: payload().gpu(1n, 1, 0, 0n, id, sampling) });
    }
    const [sampled, ...others] = readAll(segment).map((span) => span.attributes);
    expect(sampled).toMatchObject({
      'gpu.device': 0,
      'gpu.uuid': 'MIG-01234567-89ab-cdef-0123-456789abcdef',
      'gpu.sampling_ratio': 16,
    });
    for (const attributes of others) {
      expect(Object.keys(attributes)).not.toContain('gpu.uuid');
      expect(Object.keys(attributes)).not.toContain('gpu.sampling_ratio');
    }
  });

  test('counts as corrupt without the item that says where its times come from', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.gpu, flags: Flag.monotonic, payload: payload() });
    expect(readAll(segment)).toEqual([]);
  });
});

describe('a worker span', () => {
  test('is named by the label and says who worked', () => {
    const segment = buildSegment();
    const label = segment.name(5, 'DecodeWorker');
    const gpuUuid = segment.name(5, 'GPU-5');
    segment.claim(1, { tid: 77, threadId: 3, label, ranks: [1, 0, -1, 2], gpuIndex: 5, gpuUuid });
    segment.append(1, { kind: Kind.worker, parent: 4n, owner: { lane: 1, level: 2 } });
    const [span] = readAll(segment);
    expect(span!.name).toBe('DecodeWorker');
    expect(span!.kind).toBe(0);
    expect(span!.attributes).toEqual({
      'gpuspan.worker.label': 'DecodeWorker',
      'gpuspan.worker.kind': 'javascript',
      'gpuspan.worker.worker_threads_id': 3,
      'gpuspan.worker.tp_rank': 1,
      'gpuspan.worker.pp_rank': 0,
      'gpuspan.worker.ep_rank': 2,
      'gpuspan.worker.gpu_index': 5,
      'gpu.uuid': 'GPU-5',
      'gpuspan.request.level': 2,
      'thread.id': 77,
    });
  });

  test('has the UUID of a GPU that its thread came to know later', () => {
    const segment = buildSegment();
    const pipeline = pipelineOver(segment);
    segment.append(0, { kind: Kind.worker });
    const before = pipeline.read(10)!.spans[0]!;
    segment.bytes.writeUInt16LE(segment.name(5, 'GPU-0'), segment.lane(0) + 416);
    segment.append(0, { kind: Kind.worker });
    const after = pipeline.read(10)!.spans[0]!;
    expect([before.attributes['gpu.uuid'], after.attributes['gpu.uuid']]).toEqual([undefined, 'GPU-0']);
  });

  test('is named worker when there is no label', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.worker });
    expect(readAll(segment)[0]!.name).toBe('worker');
  });

  test('carries the losses so far by reason', () => {
    const segment = buildSegment();
    const items = payload().losses([
      [0, 12n],
      [8, 2n ** 33n],
      [15, 1n],
      [99, 1n],
    ]);
    segment.append(0, { kind: Kind.worker, payload: items });
    const lost = Object.entries(readAll(segment)[0]!.attributes).filter(([name]) => name.startsWith('gpuspan.lost.'));
    expect(Object.fromEntries(lost)).toEqual({ 'gpuspan.lost.ring': 12, 'gpuspan.lost.gpu_pool': 2 ** 33 });
  });

  test('describes the thread that claimed the lane last, once its lane was reused', () => {
    const segment = buildSegment();
    const reader = segment.name(5, 'first');
    segment.claim(1, { label: reader });
    segment.append(1, { kind: Kind.worker });
    expect(readAll(segment)[0]!.name).toBe('first');
    segment.advance(1, 1, 0, 0);
    segment.claim(1, { label: segment.name(5, 'second') });
    segment.append(1, { kind: Kind.worker });
    expect(readAll(segment).map((span) => span.name)).toEqual(['second']);
  });
});

describe('a root span', () => {
  test('is a SERVER span with a remote parent when the caller sent one', () => {
    const segment = buildSegment();
    const items = payload().name('generate').string(segment.key('rid'), 'r-1').traceState('a=1,b=2');
    segment.append(0, {
      kind: Kind.root,
      flags: Flag.remoteParent,
      parent: 8n,
      owner: { lane: 0, level: 3 },
      payload: items,
    });
    const [span] = readAll(segment);
    expect(span).toMatchObject({ name: 'generate', kind: 1 });
    expect(span!.attributes).toEqual({ rid: 'r-1', 'gpuspan.request.level': 3 });
    const { traceState, ...caller } = span!.parentSpanContext!;
    expect(caller).toEqual({ traceId: TRACE, spanId: hex(8n), traceFlags: 1, isRemote: true });
    expect(traceState!.serialize()).toBe('a=1,b=2');
    expect(span!.spanContext().traceState!.serialize()).toBe('a=1,b=2');
    expect(span!.spanContext().traceState!.get('b')).toBe('2');
  });

  test('is INTERNAL and named request without either', () => {
    const segment = buildSegment();
    segment.append(0, { kind: Kind.root });
    const [span] = readAll(segment);
    expect(span).toMatchObject({ name: 'request', kind: 0 });
    expect(span!.parentSpanContext).toBeUndefined();
  });
});
