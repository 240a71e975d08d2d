// SPDX-License-Identifier: Apache-2.0
//
// Runs the exporter with OpenTelemetry's tracing suppressed, so that an HTTP instrumentation in the
// application does not trace our exports, which would be exported, which would be traced. Called on the
// thread that reads.
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

/** Calls `work` and returns what it returns; spans started meanwhile by instrumentation are not recorded. */
export function withTracingSuppressed<T>(work: () => T): T {
  return context.with(suppressTracing(context.active()), work);
}
