// SPDX-License-Identifier: Apache-2.0
//
// What a receiver's answer means: whether it took everything, and whether it may take later what it did not take now.
// Used by transport.ts, on the thread that reads the segment.

import { retryInfoMillis } from './retry-info';

/** ExportResultCode.FAILED; the enum itself would be a run-time import. */
export const FAILED = 1;

/** What a transport of OpenTelemetry's makes of one attempt. */
export type TransportResponse =
  | { readonly status: 'success' }
  | { readonly status: 'failure'; readonly error?: Error }
  | { readonly status: 'retryable'; readonly error?: Error; readonly retryInMillis?: number };

/**
 * The codes that the OTLP specification lets a sender try again: CANCELLED to DATA_LOSS. RESOURCE_EXHAUSTED is none of
 * them unless a pause comes with it: it may be the size of the request.
 */
const RETRYABLE_GRPC: readonly unknown[] = [1, 4, 10, 11, 14, 15];
const RESOURCE_EXHAUSTED = 8;
const OPENING_BRACE = 0x7b;

/** Milliseconds after which the same request may be sent again, 0: whenever the sender likes; undefined: never. */
export function retryDelay(response: TransportResponse, error: Error | undefined): number | undefined {
  if (response.status === 'retryable') return Math.max(0, response.retryInMillis ?? 0);
  const { code } = (error ?? {}) as { code?: unknown };
  // Text is the network's doing. A number is a status, HTTP's or gRPC's: somebody has answered. So has who gives no code:
  // the transport did not like what it read.
  if (typeof code === 'string') return 0;
  const pause = retryInfoMillis(error);
  if (RETRYABLE_GRPC.includes(code)) return pause ?? 0;
  return code === RESOURCE_EXHAUSTED ? pause : undefined;
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
      return body[0] === OPENING_BRACE ? parseJsonResponse(body) : this.#deserialize(body);
    } catch {
      return undefined;
    }
  }
}

/** An OTLP response in JSON; nothing is an empty one. Throws for what is none. */
export function parseJsonResponse(body: Uint8Array): unknown {
  const text = Buffer.from(body).toString();
  const response: unknown = text.trim() === '' ? {} : JSON.parse(text);
  if (typeof response !== 'object' || response === null || Array.isArray(response)) throw new TypeError('no object');
  return response;
}

function rejectedSpans(response: unknown): number {
  const { partialSuccess } = response as { partialSuccess?: { rejectedSpans?: unknown } | null };
  const count = Number(partialSuccess?.rejectedSpans ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
