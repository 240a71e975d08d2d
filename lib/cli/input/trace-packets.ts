// SPDX-License-Identifier: Apache-2.0
//
// Cuts a Perfetto trace into its packets, chunk by chunk, with no more in memory than a packet. Called by PerfettoTrace.
import { BadPacket } from './bad-packet';

/** No packet that gpuspan writes is nearly as large. */
export const MAX_PACKET_BYTES = 64 * 1024 * 1024;
const PACKET_TAG = 0x0a;
const LENGTH_BYTES = 5;

export class TracePackets {
  readonly #take: (packet: Buffer) => void;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Bytes that are needed before there is any use in looking again. */
  #needed = 0;

  constructor(take: (packet: Buffer) => void) {
    this.#take = take;
  }

  /** Inside a packet. */
  get isOpen(): boolean {
    return this.#restBytes > 0;
  }

  /** Keeps parts of `chunk`, which must not change. @throws BadPacket for what is no packet: the rest cannot be read */
  write(chunk: Buffer): void {
    this.#rest.push(chunk);
    this.#restBytes += chunk.length;
    if (this.#restBytes < this.#needed) return;
    const bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest);
    const used = this.#cut(bytes);
    this.#rest = used < bytes.length ? [bytes.subarray(used)] : [];
    this.#restBytes = bytes.length - used;
  }

  #cut(bytes: Buffer): number {
    let at = 0;
    this.#needed = 0;
    while (at < bytes.length) {
      if (bytes[at] !== PACKET_TAG) throw new BadPacket(`byte ${bytes[at]} where a packet is due`);
      const head = lengthAt(bytes, at + 1);
      if (head === undefined) return at;
      if (head.length > MAX_PACKET_BYTES) throw new BadPacket(`a packet of ${head.length} bytes`);
      const end = head.at + head.length;
      if (end > bytes.length) {
        this.#needed = end - at;
        return at;
      }
      this.#take(bytes.subarray(head.at, end));
      at = end;
    }
    return at;
  }
}

function lengthAt(bytes: Buffer, from: number): { readonly length: number; readonly at: number } | undefined {
  let length = 0;
  for (let index = 0; index < LENGTH_BYTES; index++) {
    const byte = bytes[from + index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { length, at: from + index + 1 };
  }
  throw new BadPacket('a length that does not end');
}
