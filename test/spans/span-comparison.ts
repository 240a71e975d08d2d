// SPDX-License-Identifier: Apache-2.0
//
// What a record of the second decoder must look like as spans, worked out without the code under test.

import { expect } from 'vitest';

import type { GpuspanSpan } from '../../lib/spans/gpuspan-span';
import type { DecodedMember, DecodedRecord, SecondDecoder } from '../segment/second-decoder';
import { Flag, Kind } from '../segment/segment-builder';
import { hex, nanos } from './span-fixture';

const LOSSES = ['ring', 'slices', 'request', 'lane', 'stale', 'time', 'closed', 'batch', 'gpu_pool', 'gpu_device'];
const SOURCES = ['', 'cuda-event', 'opencl', 'simulated', 'null'];
const SCALE = 1_000_000n;

/** Within a nanosecond of the exact time, which is given times 10^6. */
function expectTime(time: readonly [number, number], exact: bigint): void {
  const error = nanos(time) * SCALE - exact;
  expect(error <= SCALE && error >= -SCALE).toBe(true);
}

export function expectSameSpan(span: GpuspanSpan, record: DecodedRecord, second: SecondDecoder): void {
  const monotonic = (record.flags & Flag.monotonic) !== 0;
  expect(span.name).toBe(nameOf(record, second));
  const { traceId, spanId } = span.spanContext();
  expect([traceId, spanId]).toEqual([record.traceId, hex(record.spanId)]);
  expect(span.parentSpanContext?.spanId).toBe(record.parentSpanId === 0n ? undefined : hex(record.parentSpanId));
  expectTime(span.startTime, second.epoch(record.start, monotonic));
  expectTime(span.endTime, second.epoch(record.end, monotonic));
  expect(ownAttributes(span)).toEqual({ ...record.attributes, ...notes(record), ...gpuAttributes(record) });
  expect(span.kind).toBe(record.kind === Kind.root && (record.flags & Flag.remoteParent) !== 0 ? 1 : 0);
  expect(span.status.code).toBe(record.status?.code ?? (record.exception === undefined ? 0 : 2));
  expect(span.spanContext().traceState?.serialize()).toBe(record.traceState);
  expectEvents(span, record);
  expectLinks(span, record, second);
}

function nameOf(record: DecodedRecord, second: SecondDecoder): string {
  if (record.kind === Kind.root) return record.name ?? 'request';
  if (record.kind === Kind.worker) return second.label(record.lane);
  return record.kind === Kind.batch ? 'batch' : record.stage;
}

function notes(record: DecodedRecord): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  if ((record.flags & Flag.dropped) !== 0) all['gpuspan.dropped_attributes'] = true;
  if ((record.flags & Flag.unfinished) !== 0) all['gpuspan.unfinished'] = true;
  if ((record.flags & Flag.truncated) !== 0) all['gpuspan.truncated'] = true;
  for (const { reason, count } of record.losses) {
    if (count > 0n) all[`gpuspan.lost.${LOSSES[reason]}`] = Number(count);
  }
  if (record.kind === Kind.root || record.kind === Kind.worker) all['gpuspan.request.level'] = record.tail.readUInt8(2);
  const owner = record.kind === Kind.root || record.kind === Kind.worker || record.kind === Kind.batch;
  if (owner && (record.flags & Flag.expired) !== 0) all['gpuspan.expired'] = true;
  return all;
}

function gpuAttributes({ gpu, flags, tail, kind }: DecodedRecord): Record<string, unknown> {
  if (gpu === undefined || (kind !== Kind.gpu && kind !== Kind.batchGpuSlice)) return {};
  return {
    'gpu.time.source': SOURCES[gpu.source],
    'gpu.time.bound_ns': tail.readUInt32LE(0),
    'gpu.time.clamped': (flags & Flag.clamped) !== 0,
    'gpu.device': gpu.device,
    'gpu.stream': tail.readUInt16LE(4),
    ...(gpu.uuid === undefined ? {} : { 'gpu.uuid': gpu.uuid }),
    ...(gpu.sampling > 1 ? { 'gpu.sampling_ratio': gpu.sampling } : {}),
  };
}

function expectEvents(span: GpuspanSpan, record: DecodedRecord): void {
  const names = record.events.map((event) => event.name);
  expect(span.events.map((event) => event.name)).toEqual(
    record.exception === undefined ? names : [...names, 'exception'],
  );
  record.events.forEach((event, index) => {
    expectTime(span.events[index]!.time, event.time);
    expect(span.events[index]!.attributes).toEqual(event.attributes);
  });
}

function expectLinks(span: GpuspanSpan, record: DecodedRecord, second: SecondDecoder): void {
  const links = span.links.map(({ context }) => `${context.traceId}/${context.spanId}`);
  if (record.kind === Kind.host) {
    const previous = record.tail.readBigUInt64LE(0);
    const linked = (record.flags & Flag.firstLevel) !== 0 && previous !== 0n;
    expect(links).toEqual(linked ? [`${record.traceId}/${hex(previous)}`] : []);
  } else if (record.kind === Kind.batch) {
    const { members } = batchOf(record, second);
    const sampled = members.filter((member) => member.level > 0);
    const own = record.links.map(({ traceId, spanId }) => `${traceId}/${spanId}`);
    const all = [...own, ...sampled.map((member) => `${member.traceId}/${hex(member.workerSpanId)}`)];
    expect(links).toEqual(all.slice(0, 128));
  } else {
    expect(links).toEqual([]);
  }
}

function batchOf(record: DecodedRecord, second: SecondDecoder): ReturnType<SecondDecoder['members']> {
  const ref = record.batchRef;
  if (ref !== undefined) return second.members(ref.lane, ref.batch, ref.generation);
  return second.members(record.tail.readUInt16LE(0), record.tail.readUInt16LE(2), record.tail.readUInt32LE(4));
}

export interface MemberSpan {
  traceId: string;
  spanId: string;
  parent: string;
  link: string;
  name: string;
  attributes: Record<string, unknown>;
}

/** The spans that a batch slice makes in its members' traces, in the order of the members. */
export function memberSpans(record: DecodedRecord, second: SecondDecoder, expandLevel: number): MemberSpan[] {
  if (record.kind !== Kind.batchSlice && record.kind !== Kind.batchGpuSlice) return [];
  const { spanId, members } = batchOf(record, second);
  const spans: MemberSpan[] = [];
  members.forEach((member, index) => {
    if (member.level === 0 || record.level > Math.min(member.level, expandLevel)) return;
    if (member.leftAt !== 0n && !wasThere(member, record, second)) return;
    const retroactive = record.kind === Kind.batchSlice && (record.flags & Flag.monotonic) !== 0;
    const direct = record.parentSpanId === spanId || retroactive;
    const columns = record.columns.filter(({ values }) => index < values.length);
    const values = Object.fromEntries(columns.map(({ key, values }) => [key, values[index]!]));
    spans.push({
      traceId: member.traceId,
      spanId: hex(memberId(record.spanId, member.workerSpanId)),
      parent: hex(direct ? member.parentSpanId : memberId(record.parentSpanId, member.workerSpanId)),
      link: `${record.traceId}/${hex(spanId)}`,
      name: record.stage,
      attributes: { ...record.attributes, ...notes(record), ...gpuAttributes(record), ...values },
    });
  });
  return spans;
}

/** Member spans as they were made, to be compared with `memberSpans`. */
export function expandedSpans(spans: readonly GpuspanSpan[]): MemberSpan[] {
  return spans.map((span) => ({
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parent: span.parentSpanContext.spanId,
    link: span.links.map(({ context }) => `${context.traceId}/${context.spanId}`).join(),
    name: span.name,
    attributes: withoutTimes(span.attributes),
  }));
}

/** Without what does not come from the record: the worker's and the batch's own. */
function ownAttributes(span: GpuspanSpan): Record<string, unknown> {
  const others =
    'gpuspan.worker.kind' in span.attributes ? /^(gpuspan\.worker\.|thread\.id$|gpu\.uuid$)/ : /^gpuspan\.batch\./;
  const isOwn = ([name]: [string, unknown]) => !others.test(name);
  return Object.fromEntries(Object.entries(withoutTimes(span.attributes)).filter(isOwn));
}

function withoutTimes(attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { 'gpu.launch_time_ns': launch, 'gpu.queue_delay_ns': delay, ...rest } = attributes;
  expect(typeof launch).toBe(delay === undefined ? 'undefined' : 'string');
  return rest;
}

function wasThere(member: DecodedMember, record: DecodedRecord, second: SecondDecoder): boolean {
  const monotonic = (record.flags & Flag.monotonic) !== 0;
  if (!monotonic) return record.start < member.leftAt;
  const since = second.epoch(record.gpu?.launch ?? record.start, true);
  return second.epoch(member.leftAt, false) - since > 1000n * SCALE;
}

// docs/design/segment.md, "Ids of members": four rounds over the two halves.
function memberId(slice: bigint, member: bigint): bigint {
  const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
  const mix = (value: bigint): bigint => {
    let h = u32(value);
    h ^= h >> 16n;
    h = u32(h * 0x85eb_ca6bn);
    h ^= h >> 13n;
    h = u32(h * 0xc2b2_ae35n);
    return h ^ (h >> 16n);
  };
  let low = u32(slice ^ member);
  let high = (slice ^ member) >> 32n;
  high ^= mix(low + 0x9e37_79b9n);
  low ^= mix(high + 0x7f4a_7c15n);
  high ^= mix(low + 0xbf58_476dn);
  low ^= mix(high + 0x94d0_49bbn);
  const id = (high << 32n) | low;
  return id === 0n ? 1n : id;
}
