// SPDX-License-Identifier: Apache-2.0
//
// The GPU as JavaScript sees it: whether there is one to time, and streams by the handle that the application's own
// library gave out. Set-up only; slices on a stream are begun by requests and batches. Nothing here creates a
// stream, waits for one or keeps it alive.
import { GpuspanError } from './errors';
import type { Lane } from './lane';
import { warnOnce } from './warn';

/** What times GPU slices; `''`: nothing does. */
export type GpuSource = '' | 'cuda-event' | 'opencl' | 'simulated' | 'null';

const NO_STREAM = -1;
const MAX_HANDLE = 2n ** 64n - 1n;

/** A stream or queue of the application's that GPU slices can be recorded on. */
export class GpuStream {
  /** Keeps TypeScript from taking anything of the same shape for a stream. */
  declare protected readonly isStream: true;
  /** @internal Index in the addon; NO_STREAM: every slice on it is a loss. */
  readonly index: number;

  /** @internal */
  constructor(
    index: number,
    /** Why slices on it are not recorded; '' when they are. */
    readonly reason: string,
  ) {
    this.index = index;
  }
}

/** The device of this process, or why there is none. */
export class Gpu {
  private readonly streams = new Map<number, GpuStream>();

  /** @internal */
  constructor(
    private readonly lane: Lane | undefined,
    /** How GPU slices are timed; '' when they are not. */
    readonly source: GpuSource,
    /** The device, for people. */
    readonly description: string,
    /** Why there is no device; '' when there is one. */
    readonly reason: string,
  ) {}

  /**
   * The stream with this handle: a `CUstream`, `cudaStream_t` or `cl_command_queue` as a bigint. Where it cannot be
   * timed, an inert stream, and one warning in the process: the worker runs on and its GPU slices are counted as lost.
   * Set-up: it asks the driver. Keep the stream, and ask again after the application has destroyed streams or reset its
   * device. CUDA's default streams (0n and 1n: legacy, 2n: the thread's own) are those of the context that is current
   * on this thread.
   * @throws GpuspanError `GPUSPAN_STREAM`: not a bigint from 0 to 2^64-1. With tracing on or off.
   */
  stream(handle: bigint): GpuStream {
    if (typeof handle !== 'bigint' || handle < 0n || handle > MAX_HANDLE) {
      throw new GpuspanError(
        'GPUSPAN_STREAM',
        `a stream handle is the address of a CUstream, cudaStream_t or cl_command_queue as a bigint, got ${typeof handle} ${String(handle)}`,
      );
    }
    if (this.lane === undefined || this.source === '') return new GpuStream(NO_STREAM, this.reason);
    return this.openStream(this.lane, handle);
  }

  private openStream(lane: Lane, handle: bigint): GpuStream {
    try {
      // Asked each time: a handle is an address, and what was destroyed there may be another stream by now.
      const index = lane.native.gpuStream(handle);
      const known = this.streams.get(index) ?? new GpuStream(index, '');
      this.streams.set(index, known);
      return known;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Whatever the handle, or an application that makes queues as it goes would be warned for each.
      warnOnce('stream', `no GPU slices on this stream: ${reason}; said for the first such stream only`);
      return new GpuStream(NO_STREAM, reason);
    }
  }
}

/** Opens the device at the first call in the process; says once why there is none, unless none was asked for. */
export function openGpu(lane: Lane, wanted: boolean): Gpu {
  const { source, description, reason } = lane.native.gpuOpen();
  if (source === '' && wanted) warnOnce('gpu', `GPU slices are not recorded: ${reason}`);
  return new Gpu(source === '' ? undefined : lane, source, description, reason);
}
