// SPDX-License-Identifier: Apache-2.0
//
// A built segment as a Perfetto trace, and as a viewer shows it.

import { identityOf } from '../../lib/perfetto/identity';
import { TracePipeline } from '../../lib/perfetto/pipeline';
import type { SegmentBuilder } from '../segment/segment-builder';
import { type View, view } from './viewer';

export const PROCESS = 'test worker tp0';

export function traceOf(segment: SegmentBuilder, process = 'one', maxRecords = 100_000): Buffer {
  const pipeline = new TracePipeline(segment.source(), {
    identity: identityOf(process),
    processName: PROCESS,
    pid: 4242,
  });
  const parts: Buffer[] = [];
  for (let reading = pipeline.read(maxRecords); reading !== undefined; reading = pipeline.read(maxRecords)) {
    parts.push(Buffer.from(reading.spans.packets));
  }
  return Buffer.concat([...parts, pipeline.finish()]);
}

export function viewOf(segment: SegmentBuilder): View {
  return view(traceOf(segment));
}
