// SPDX-License-Identifier: Apache-2.0
//
// The client inside OpenTelemetry's gRPC transport, made again with a shorter pause between attempts to connect. gRPC's own
// grows to two minutes, and the exporter takes no options for it: a receiver that came back after an outage of five minutes
// would get nothing for two more. Used by transport.ts, on the thread that reads the segment.

import { SCOPE } from './resource';

/** As long as the sink's own pauses, which ask for a connection each time. */
const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 250, 'grpc.max_reconnect_backoff_ms': 5_000 };
const GZIP = 2;

interface Client {
  close(): void;
}

type ClientClass = new (address: string, credentials: unknown, options: Readonly<Record<string, unknown>>) => Client;

interface GrpcTransport {
  /** Made by the first send, and again after many deadlines. */
  _client?: Client | undefined;
  _parameters?: {
    readonly address?: unknown;
    readonly credentials?: unknown;
    readonly compression?: unknown;
    readonly userAgent?: unknown;
  };
  send(data: Uint8Array, timeoutMillis: number): Promise<unknown>;
}

/** Nothing where the transport is none of gRPC's, or looks different inside. */
export function reconnectSooner<Transport extends { send: GrpcTransport['send'] }>(transport: Transport): void {
  const inside = transport as GrpcTransport;
  const { address, credentials, compression } = inside._parameters ?? {};
  if (typeof address !== 'string' || typeof credentials !== 'function') return;
  const send = inside.send.bind(inside);
  let ours: Client | undefined;
  inside.send = (data, timeoutMillis) => {
    const sent = send(data, timeoutMillis);
    const theirs = inside._client;
    if (theirs === undefined || theirs === ours) return sent;
    ours = new (theirs.constructor as ClientClass)(address, credentials(), {
      ...RECONNECT,
      'grpc.primary_user_agent': `gpuspan/${SCOPE.version}`,
      'grpc.default_compression_algorithm': compression === 'gzip' ? GZIP : 0,
    });
    inside._client = ours;
    return sent.finally(() => theirs.close()); // the call under way is theirs
  };
}
