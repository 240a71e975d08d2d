// SPDX-License-Identifier: Apache-2.0
//
// What of a GPU slice and of a suspend arrives at an OTLP receiver: an exporter sees a span as any other.

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { type Receiver, startReceiver } from 'gpuspan/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { payload } from '../segment/payload-builder';
import { Flag, Kind, TRACE } from '../segment/segment-builder';
import { buildSegment, EPOCH, readAll } from './span-fixture';

const SECOND = 1_000_000_000n;
const UUID = 'GPU-01234567-89ab-cdef-0123-456789abcdef';

let receiver: Receiver;

beforeAll(async () => {
  receiver = await startReceiver();
});

afterAll(() => receiver.close());

test('device, sampling ratio and suspend arrive at an OTLP receiver', async () => {
  const segment = buildSegment();
  const uuid = segment.name(5, UUID);
  segment.snapshot(2n * SECOND, 2n * SECOND, EPOCH + 9n * SECOND, 7n * SECOND);
  segment.request(0, 0, TRACE, { rootStart: SECOND });
  const times = { start: SECOND, end: 3n * SECOND };
  const gpu = payload().gpu(SECOND, 1, 0, 0n, uuid, 4);
  segment.append(0, { kind: Kind.gpu, flags: Flag.monotonic, span: 2n, ...times, payload: gpu });
  segment.append(0, { kind: Kind.root, span: 1n, ...times, owner: { lane: 0, level: 1 } });
  const exporter = new OTLPTraceExporter({ url: `${receiver.url}/v1/traces` });
  const code = await new Promise((resolve) => exporter.export(readAll(segment), (result) => resolve(result.code)));
  await exporter.shutdown();
  expect(code).toBe(0);
  const [slice, root] = receiver.spans;
  expect(slice!.attributes).toMatchObject({ 'gpu.device': 0, 'gpu.uuid': UUID, 'gpu.sampling_ratio': 4 });
  expect(root!.events).toMatchObject([
    { name: 'gpuspan.clock.suspend', attributes: { 'gpuspan.clock.suspended_ns': Number(7n * SECOND) } },
  ]);
});
