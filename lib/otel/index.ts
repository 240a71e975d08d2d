// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/otel`: what fits into an OpenTelemetry SDK. Takes `@opentelemetry/api` at run time, and no SDK.
export { type MetricsObservation, observeMetrics } from './self-metrics';
export { type GpuspanProcessor, gpuspanProcessor } from './processor';
