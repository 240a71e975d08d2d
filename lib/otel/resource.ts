// SPDX-License-Identifier: Apache-2.0
//
// The Resource and InstrumentationScope that every span of this process carries. Made once by the reader's
// environment: exporters group spans by the identity of these two objects.
import { hostname } from 'node:os';
import type { Attributes } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import type { Resource } from '@opentelemetry/resources';
import { hostId } from './host-id';
import type { ProvidedResource } from './provider-resource';

const { version } = require('../../package.json') as { version: string };

export type ResourceAttributes = Readonly<Record<string, string | number | boolean>>;

export interface ResourceOptions {
  /** Wins over OTEL_SERVICE_NAME and everything else that names the service. */
  readonly serviceName?: string | undefined;
  /** Win over OTEL_RESOURCE_ATTRIBUTES and what is detected. */
  readonly resourceAttributes?: ResourceAttributes | undefined;
  /** Of an OpenTelemetry provider, which has read the variables, or chosen not to. */
  readonly providedResource?: ProvidedResource | undefined;
}

/** The one scope of all spans. */
export const SCOPE: InstrumentationScope = { name: 'gpuspan', version };

/**
 * Later wins: what is known of the process, OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, or the provider's Resource
 * instead of these two, the options. `telemetry.sdk.name` is ours, as the specification asks of anything that is not the
 * OpenTelemetry SDK; below a provider it is the provider's.
 */
export function createResource(options: ResourceOptions, warn: (message: string) => void): Resource {
  const own = resourceFromAttributes({
    'service.name': 'unknown_service:node',
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'host.name': hostname(),
    'host.id': hostId(),
    'telemetry.sdk.name': 'gpuspan',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': version,
  });
  const around = provided(options.providedResource) ?? fromVariables(warn);
  const given = resourceFromAttributes({
    ...options.resourceAttributes,
    ...(options.serviceName === undefined ? {} : { 'service.name': options.serviceName }),
  });
  return own.merge(around).merge(given);
}

function provided(resource: ProvidedResource | undefined): Resource | undefined {
  if (resource === undefined) return undefined;
  const { attributes, schemaUrl } = resource;
  return resourceFromAttributes(attributes as Attributes, schemaUrl === undefined ? {} : { schemaUrl });
}

function fromVariables(warn: (message: string) => void): Resource {
  const detected = detectResources({ detectors: [envDetector] });
  warnIfIgnored(detected, warn);
  return detected;
}

// The detector drops a variable it cannot parse in silence (it logs at debug level only).
function warnIfIgnored(detected: Resource, warn: (message: string) => void): void {
  const text = process.env['OTEL_RESOURCE_ATTRIBUTES'];
  if (text === undefined || text.trim() === '') return;
  const names = Object.keys(detected.attributes).filter((name) => name !== 'service.name');
  if (names.length > 0 || /(^|,)\s*service\.name\s*=/.test(text)) return;
  warn(`OTEL_RESOURCE_ATTRIBUTES=${text} is not a list of key=value pairs; it is ignored`);
}
