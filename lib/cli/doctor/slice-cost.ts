// SPDX-License-Identifier: Apache-2.0
//
// What a slice costs on this machine: the median of short rounds of begin and end, against an empty loop. Called by
// `gpuspan doctor`. A hint, not a bench: `npm run bench` has the method and the peers.
import { defineStages } from '../../stage';
import type { Tracer } from '../../tracer';

const WARM_UP_SLICES = 10_000;
const ROUNDS = 60;
const SLICES = 300;

export interface SliceCost {
  readonly nanos: number;
  readonly floor: number;
  /** Slices of the measurement that found no room. */
  readonly lost: number;
}

export function costOfSlice(tracer: Tracer): SliceCost {
  const stages = defineStages('gpuspan.doctor', { slice: { level: 1 } });
  const request = tracer.request({ id: 'gpuspan doctor' });
  const round = (count: number) => {
    for (let i = 0; i < count; i++) request.end(request.begin(stages.slice));
  };
  let sum = 0;
  const empty = (count: number) => {
    for (let i = 0; i < count; i++) sum += i;
  };
  round(WARM_UP_SLICES);
  empty(WARM_UP_SLICES);
  const nanos = median(() => round(SLICES));
  const floor = median(() => empty(SLICES));
  request.finish();
  const lost = Object.values(tracer.stats().lost).reduce((all, count) => all + count, 0);
  return { nanos, floor: sum > 0 ? floor : 0, lost };
}

function median(round: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const from = process.hrtime.bigint();
    round();
    return Number(process.hrtime.bigint() - from) / SLICES;
  });
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!;
}
