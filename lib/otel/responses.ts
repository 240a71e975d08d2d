// SPDX-License-Identifier: Apache-2.0
//
// What a receiver's answer means: whether it took everything, and whether it may take later what it did not take now.
// Used by transport.ts, on the thread that reads the segment.

/** ExportResultCode.FAILED; the enum itself would be a run-time import. */
export const FAILED = 1;

/** What a transport of OpenTelemetry's makes of one attempt. */
export type TransportResponse =
  | { readonly status: 'success' }
  | { readonly status: 'failure'; readonly error?: Error }
  | { readonly status: 'retryable'; readonly error?: Error; readonly retryInMillis?: number };

/** The codes that the OTLP specification lets a sender try again: CANCELLED to DATA_LOSS. */
const RETRYABLE_GRPC: readonly unknown[] = [1, 4, 8, 10, 11, 14, 15];
const OPENING_BRACE = 0x7b;

/** Milliseconds after which the same request may be sent again, 0: whenever the sender likes; undefined: never. */
export function retryDelay(response: TransportResponse, error: Error | undefined): number | undefined {
  if (response.status === 'retryable') return Math.max(0, response.retryInMillis ?? 0);
  const { code } = (error ?? {}) as { code?: unknown };
  // A number is a status, HTTP's or gRPC's: somebody has answered. Anything else is the network's doing.
  if (typeof code !== 'number') return 0;
  return RETRYABLE_GRPC.includes(code) ? 0 : undefined;
}

export interface ReadResponse {
  /** Spans that the receiver says it did not take. */
  readonly rejected: number;
  /** The body is no OTLP response, so nobody has said that anything arrived. */
  readonly problem: string | undefined;
}

const NOTHING_READ: ReadResponse = { rejected: 0, problem: undefined };

/** Keeps what the last response says until it is taken. */
export class ResponseReader {
  readonly #deserialize: (body: Uint8Array) => unknown;
  #last = NOTHING_READ;

  constructor(deserialize: (body: Uint8Array) => unknown) {
    this.#deserialize = deserialize;
  }

  /** The response as the exporter wants it. Never throws. */
  read(body: Uint8Array): unknown {
    const response = this.#parse(body);
    this.#last =
      response === undefined
        ? { rejected: 0, problem: 'the answer is no OTLP response; is this an OTLP endpoint?' }
        : { rejected: rejectedSpans(response), problem: undefined };
    return {}; // the exporter's own handler would only log it
  }

  take(): ReadResponse {
    const last = this.#last;
    this.#last = NOTHING_READ;
    return last;
  }

  // Some receivers answer protobuf in JSON.
  #parse(body: Uint8Array): unknown {
    try {
      return body[0] === OPENING_BRACE ? JSON.parse(Buffer.from(body).toString()) : this.#deserialize(body);
    } catch {
      return undefined;
    }
  }
}

function rejectedSpans(response: unknown): number {
  const { partialSuccess } = response as { partialSuccess?: { rejectedSpans?: unknown } | null };
  const count = Number(partialSuccess?.rejectedSpans ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
