// SPDX-License-Identifier: Apache-2.0
//
// An OTLP receiver over gRPC, for tests: keeps the spans, or refuses with a status.
import { type Metadata, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { type ReceivedSpan, spansOf } from '../../lib/testing/otlp-json';
import { decodeRequest } from '../../lib/testing/otlp-proto';

export const GRPC_SERVICE: ServiceDefinition = {
  Export: {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  },
};

export interface GrpcReceiver {
  readonly port: number;
  readonly spans: readonly ReceivedSpan[];
  /** gRPC status of the answers; 0: takes what it gets. */
  status: number;
  /** Called after each request, with the metadata it came with. */
  onRequest: (metadata: Metadata) => void;
  close(): void;
}

export async function startGrpcReceiver(port = 0): Promise<GrpcReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = new Server();
  server.addService(GRPC_SERVICE, {
    Export: (
      call: { request: Buffer; metadata: Metadata },
      done: (error: { code: number; details: string } | null, response?: Buffer) => void,
    ) => {
      const { status } = receiver;
      if (status === 0) spans.push(...spansOf(decodeRequest(call.request)));
      if (status === 0) done(null, Buffer.alloc(0));
      else done({ code: status, details: 'refused by the test' });
      receiver.onRequest(call.metadata);
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  const receiver: GrpcReceiver = {
    port: bound,
    spans,
    status: 0,
    onRequest: () => undefined,
    close: () => server.forceShutdown(),
  };
  return receiver;
}
