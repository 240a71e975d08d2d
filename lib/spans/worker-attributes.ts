// SPDX-License-Identifier: Apache-2.0
//
// A lane's identity as attributes of its worker spans; made once a claim of the lane.

import type { Attributes } from '@opentelemetry/api';

import type { Dictionary } from '../segment/dictionary';
import type { LaneCursor, LaneIdentity } from '../segment/lane';

/** The name of a worker span whose worker has no label. */
export const DEFAULT_WORKER_LABEL = 'worker';

const LANE_KINDS: readonly string[] = ['javascript', 'native', 'resolver'];

export interface WorkerDescription {
  readonly name: string;
  readonly attributes: Attributes;
}

export class WorkerDescriptions {
  private readonly known = new Map<number, { identity: LaneIdentity; description: WorkerDescription }>();

  constructor(private readonly dictionary: Dictionary) {}

  of(lane: LaneCursor): WorkerDescription {
    const { identity } = lane;
    if (identity === undefined) return { name: DEFAULT_WORKER_LABEL, attributes: {} };
    const known = this.known.get(lane.lane);
    if (known?.identity === identity) return known.description;
    const description = describe(identity, this.dictionary);
    this.known.set(lane.lane, { identity, description });
    return description;
  }
}

function describe(identity: LaneIdentity, dictionary: Dictionary): WorkerDescription {
  const name = identity.label === 0 ? DEFAULT_WORKER_LABEL : dictionary.text(identity.label);
  const attributes: Attributes = {
    'gpuspan.worker.label': name,
    'gpuspan.worker.kind': LANE_KINDS[identity.kind] ?? 'unknown',
    'thread.id': identity.tid,
  };
  const given = (key: string, value: number | undefined): void => {
    if (value !== undefined && value >= 0) attributes[key] = value;
  };
  given('gpuspan.worker.worker_threads_id', identity.workerThreadsId);
  given('gpuspan.worker.tp_rank', identity.tpRank);
  given('gpuspan.worker.pp_rank', identity.ppRank);
  given('gpuspan.worker.dp_rank', identity.dpRank);
  given('gpuspan.worker.ep_rank', identity.epRank);
  given('gpuspan.worker.gpu_index', identity.gpuIndex);
  if (identity.gpuUuid !== 0) attributes['gpu.uuid'] = dictionary.text(identity.gpuUuid);
  return { name, attributes };
}
