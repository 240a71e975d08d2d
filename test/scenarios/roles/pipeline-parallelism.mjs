// SPDX-License-Identifier: Apache-2.0
//
// Two ranks of a pipeline and two micro-batches of two requests each: roles of pipeline-parallelism.test.ts. Which
// micro-batch it is stands on the batch and on each slice (`pp_mb_id`), which rank on the worker.
import { pipeline } from 'gpuspan/stages';

const MICRO_BATCHES = 2;
const ROWS = 2;

export async function firstRank({ tracer, work, send, receive }) {
  const requests = [];
  for (let id = 0; id < MICRO_BATCHES; id++) {
    const members = Array.from({ length: ROWS }, (_, row) => tracer.request({ id: `mb${id}-${row}` }));
    const batch = tracer.batch(members, { attributes: { pp_mb_id: id } });
    computeMicroBatch(batch, pipeline.pp_send, id, work, () =>
      send('second', { id, traces: members.map((request) => request.carrier()) }),
    );
    batch.end();
    for (const request of members) request.leave();
    requests.push(members);
  }
  for (let left = MICRO_BATCHES; left > 0; left--) {
    const { id } = await receive();
    for (const request of requests[id]) request.finish();
  }
}

export async function secondRank({ tracer, work, send, receive }) {
  for (let left = MICRO_BATCHES; left > 0; left--) {
    const { id, traces } = await receive();
    const members = traces.map((trace) => tracer.adopt(trace));
    const batch = tracer.batch(members, { attributes: { pp_mb_id: id } });
    const received = batch.begin(pipeline.pp_recv);
    work();
    batch.endSlice(received, { pp_mb_id: id });
    computeMicroBatch(batch, undefined, id, work, () => {});
    batch.end();
    for (const request of members) request.leave({ attributes: { pp_mb_id: id } });
    send('first', { id });
  }
}

function computeMicroBatch(batch, sending, id, work, pass) {
  const forward = batch.begin(pipeline.pp_forward);
  work();
  batch.endSlice(forward, { pp_mb_id: id }, { row: [0, 1] });
  if (sending === undefined) return;
  const token = batch.begin(sending);
  pass();
  batch.endSlice(token, { pp_mb_id: id });
}
