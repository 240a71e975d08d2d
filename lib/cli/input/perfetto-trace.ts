// SPDX-License-Identifier: Apache-2.0
//
// A Perfetto trace that gpuspan wrote, as spans, in bounded memory. What is no packet is counted where the next one can be
// found, else the rest is given up. Called by the file reader for files that look like one.
import { BadPacket } from './bad-packet';
import { TraceDecoder } from './trace-events';
import { TracePackets } from './trace-packets';
import { type TraceSpanSink, TraceSpans } from './trace-spans';

const PACKET_TAG = 0x0a;
const LOOKED_AT = 64;

/** Whether a file with this beginning is one: JSON may begin with the same byte, but has no control characters. */
export function looksLikeTrace(beginning: Buffer): boolean {
  if (beginning[0] !== PACKET_TAG) return false;
  return beginning
    .subarray(0, LOOKED_AT)
    .some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

export interface TraceFileSink extends TraceSpanSink {
  /** What is wrong with the file. */
  readonly note: (problem: string) => void;
  /** It ends inside a packet or slice, or cannot be read any further. */
  readonly truncated: () => void;
}

export class PerfettoTrace {
  readonly #sink: TraceFileSink;
  readonly #spans: TraceSpans;
  readonly #packets: TracePackets;
  #number = 0;
  #isBroken = false;

  constructor(sink: TraceFileSink) {
    this.#sink = sink;
    this.#spans = new TraceSpans(sink);
    const decoder = new TraceDecoder({
      track: (track) => this.#spans.track(track),
      event: (event) => this.#spans.event(event),
    });
    this.#packets = new TracePackets((packet) => {
      this.#number++;
      try {
        decoder.decode(packet);
      } catch (error) {
        if (!(error instanceof BadPacket)) throw error;
        this.#tell(error);
        sink.badSpan();
      }
    });
  }

  /** Keeps parts of `chunk`, which must not change. */
  write(chunk: Buffer): void {
    if (this.#isBroken) return;
    try {
      this.#packets.write(chunk);
    } catch (error) {
      if (!(error instanceof BadPacket)) throw error;
      this.#number++;
      this.#tell(error);
      this.#isBroken = true;
    }
  }

  end(): void {
    const open = this.#spans.finish();
    if (this.#isBroken || this.#packets.isOpen || open > 0) this.#sink.truncated();
  }

  #tell(error: BadPacket): void {
    this.#sink.note(`packet ${this.#number}: ${error.message}`);
  }
}
