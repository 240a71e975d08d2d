// SPDX-License-Identifier: Apache-2.0
//
// Decides how this environment's slices leave the process: an exporter given in code, on this thread; OTLP by
// the OTEL_* variables, off-thread; or nowhere. A trace file is written by the same thread, and with only that off-thread.
// Called once by start(), on its thread.
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Native } from '../native';
import { findDestination } from '../otel/destination';
import { warnOnce } from '../warn';
import { DeferredDelivery, type LateResource } from './deferred';
import type { Delivery, DeliveryOptions } from './delivery';
import { NoDelivery } from './no-delivery';
import { OffThreadDelivery } from './off-thread';

/** `resource`: known later, and waited for. */
export function startDelivery(native: Native, options: DeliveryOptions, resource: LateResource | undefined): Delivery {
  if (resource === undefined) return begin(native, options);
  return new DeferredDelivery(native, resource, (providedResource) => begin(native, { ...options, providedResource }));
}

function begin(native: Native, options: DeliveryOptions): Delivery {
  if (options.exporter !== undefined) return inline(native, options, options.exporter);
  const destination = findDestination(process.env, (message) => warnOnce(message, message));
  const otlp = destination.kind === 'otlp' ? destination : undefined;
  if (otlp !== undefined || options.trace !== undefined) return new OffThreadDelivery(native, options, otlp);
  return new NoDelivery(native, options, destination.kind === 'none');
}

// Loaded on demand: with off-thread delivery this thread needs neither the read side nor the OpenTelemetry SDK.
function inline(native: Native, options: DeliveryOptions, exporter: SpanExporter): Delivery {
  const { InlineDelivery } = require('./inline') as typeof import('./inline');
  return new InlineDelivery(native, options, exporter);
}
