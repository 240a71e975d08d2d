// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/testing`: a local OTLP receiver and questions to ask of what it received, for our tests and our
// users'. Independent of the rest: it loads neither the addon nor the OpenTelemetry SDK.
export { OtlpJsonFile, readOtlpJsonFile } from './json-lines';
export { spansOf } from './otlp-json';
export type { Attributes, AttributeValue, OtlpRequest, OtlpSpan, ReceivedSpan } from './otlp-json';
export { query } from './query';
export type { SpanQuery } from './query';
export { startReceiver } from './receiver';
export type { Behaviour, Receiver, ReceiverOptions } from './receiver';
