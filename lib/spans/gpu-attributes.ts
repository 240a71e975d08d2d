// SPDX-License-Identifier: Apache-2.0
//
// The attributes of a GPU slice: where its times come from, how far they can be off, when it was launched and on
// what device, and how many slices it stands for.

import type { Attributes, HrTime } from '@opentelemetry/api';

import type { PayloadGpu } from '../segment/payload';

/** GpuSource by number; what is not here is `unknown`. */
export const GPU_SOURCES: readonly (string | undefined)[] = [undefined, 'cuda-event', 'opencl', 'simulated', 'null'];

export interface GpuTimes {
  readonly launch: HrTime;
  readonly start: HrTime;
  readonly boundNanos: number;
  readonly clamped: boolean;
  /** Index of the stream in the process. */
  readonly stream: number;
}

export function gpuAttributes(own: Attributes, gpu: PayloadGpu, times: GpuTimes): Attributes {
  const { launch, start } = times;
  const all: Attributes = {
    ...own,
    'gpu.time.source': GPU_SOURCES[gpu.source] ?? 'unknown',
    'gpu.time.bound_ns': times.boundNanos,
    'gpu.time.clamped': times.clamped,
    'gpu.device': gpu.device,
    'gpu.stream': times.stream,
    'gpu.launch_time_ns': epochText(launch),
    'gpu.queue_delay_ns': (start[0] - launch[0]) * 1e9 + (start[1] - launch[1]),
  };
  if (gpu.uuid !== undefined) all['gpu.uuid'] = gpu.uuid;
  if (gpu.sampling > 1) all['gpu.sampling_ratio'] = gpu.sampling;
  return all;
}

// Text, because a double holds epoch nanoseconds only to the nearest 256.
function epochText(time: HrTime): string {
  return `${time[0]}${String(time[1]).padStart(9, '0')}`;
}
