// SPDX-License-Identifier: Apache-2.0
//
// What a batch of 64 costs JavaScript, a member: its definition against an SDK span with 64 links, and a slice on it
// against the same slice on each of the 64 requests. Also a slice on a batch of 256 with a value for each member,
// against a slice with that value on each.
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { measurePair, report, row } from './statistics.mjs';
import { DISCARD, REQUESTS, STAGES, stages, startRequests, startTracing } from './tracing.mjs';

// Fewer than the batches that a lane can have open.
const DEFINITIONS = 128;
const BATCH_SLICES = 1024;
const REQUEST_SLICES = 4096;
/** Members of the batch that has a value for each. */
const CROWD = 256;

// Member spans are made by the reader, which is not what is asked here.
const tracer = startTracing({ expandLevel: 0 });
const requests = startRequests(tracer);
let defined = [];

function definitions(members) {
  for (let i = 0; i < members / REQUESTS; i++) defined.push(tracer.batch(requests));
}

async function endBatches() {
  for (const batch of defined) batch.end();
  defined = [];
  await tracer.flush();
}

const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(DISCARD)] });
const sdk = provider.getTracer('bench');
const links = requests.map((_, index) => ({ context: sdk.startSpan(`root_${index}`).spanContext() }));

function linkedSpans(members) {
  for (let i = 0; i < members / REQUESTS; i++) sdk.startSpan('batch', { links }).end();
}

const onSdk = await measurePair(definitions, linkedSpans, {
  operations: DEFINITIONS * REQUESTS,
  settle: endBatches,
  settleReference: () => provider.forceFlush(),
});

const batch = tracer.batch(requests);

function batchSlices(members) {
  for (let i = 0; i < members / REQUESTS; i++) batch.endSlice(batch.begin(stages[i & (STAGES - 1)]));
}

function requestSlices(operations) {
  for (let i = 0; i < operations; i++) {
    const member = requests[i & (REQUESTS - 1)];
    member.end(member.begin(stages[(i >> 6) & (STAGES - 1)]));
  }
}

const settle = () => tracer.flush();
const onRequests = await measurePair(batchSlices, requestSlices, {
  operations: BATCH_SLICES * REQUESTS,
  referenceOperations: REQUEST_SLICES,
  settle,
  settleReference: settle,
});

const crowd = Array.from({ length: CROWD }, () => tracer.request());
const crowded = tracer.batch(crowd);
const counts = crowd.map((_, index) => 1000 + index);

function columns(members) {
  for (let i = 0; i < members / CROWD; i++) {
    const token = crowded.begin(stages[i & (STAGES - 1)]);
    crowded.endSlice(token, undefined, { decode_ct: counts });
  }
}

function values(operations) {
  for (let i = 0; i < operations; i++) {
    const one = crowd[i & (CROWD - 1)];
    one.end(one.begin(stages[(i >> 8) & (STAGES - 1)]), { decode_ct: counts[i & (CROWD - 1)] });
  }
}

const inColumns = await measurePair(columns, values, {
  operations: BATCH_SLICES * CROWD,
  referenceOperations: REQUEST_SLICES,
  settle,
  settleReference: settle,
});
const { lost, lostOwners } = tracer.stats();
if (Object.keys({ ...lost, ...lostOwners }).length > 0) throw new Error(`lost ${JSON.stringify({ lost, lostOwners })}`);
const definition = {
  id: 'batch64.define',
  what: 'batch of 64: definition, per member',
  reference: 'SDK span with 64 links, per link',
};
const slice = {
  id: 'batch64.slice',
  what: 'batch of 64: begin + end, per member',
  reference: 'begin + end on each of the 64 requests',
};
const column = {
  id: 'batch256.column',
  what: 'batch of 256: begin + end with a column, per member',
  reference: 'begin + end with 1 number on each of them',
};
report([row(definition, onSdk), row(slice, onRequests), row(column, inColumns)]);
await tracer.shutdown();
await provider.shutdown();
