// SPDX-License-Identifier: Apache-2.0
//
// The Resource of an OpenTelemetry provider, which tells it to nobody but through its spans: learned from the first one
// that starts, else from the global provider. Fed by the span processor, asked by delivery, all on the thread that called
// start(). Works with the objects of SDK 2.x and 3.x alike.
import { trace } from '@opentelemetry/api';

type Value = string | number | boolean;

/** What can be handed to the delivery worker. */
export interface ProvidedResource {
  readonly attributes: Readonly<Record<string, Value | Value[]>>;
  readonly schemaUrl: string | undefined;
}

interface ResourceLike {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly schemaUrl?: string | undefined;
  readonly asyncAttributesPending?: boolean;
  waitForAsyncAttributes?(): Promise<void>;
}

export class ProviderResource {
  #resource: ResourceLike | undefined;
  #listener: (() => void) | undefined;

  /** From a span of the provider. The first one decides. */
  learn(resource: unknown): void {
    if (this.#resource !== undefined || !isResource(resource)) return;
    this.#resource = resource;
    this.#listener?.();
  }

  /** At once if it is known already. */
  onLearned(listener: () => void): void {
    this.#listener = listener;
    if (this.#resource !== undefined) listener();
  }

  /** Resolves when detectors that are still at work have ended. */
  async settled(): Promise<void> {
    const resource = this.#find();
    if (resource?.asyncAttributesPending === true) await resource.waitForAsyncAttributes?.();
  }

  /** As far as it is known; undefined: not at all. */
  get(): ProvidedResource | undefined {
    const resource = this.#find();
    if (resource === undefined) return undefined;
    const attributes: Record<string, Value | Value[]> = {};
    for (const [key, value] of Object.entries(resource.attributes)) if (isValue(value)) attributes[key] = value;
    return { attributes, schemaUrl: typeof resource.schemaUrl === 'string' ? resource.schemaUrl : undefined };
  }

  #find(): ResourceLike | undefined {
    this.#resource ??= resourceOfGlobalProvider();
    return this.#resource;
  }
}

// Not in their types, but in the providers of 2.x and 3.x; where it is not, gpuspan's own Resource takes its place.
function resourceOfGlobalProvider(): ResourceLike | undefined {
  const provider = trace.getTracerProvider() as { getDelegate?(): unknown };
  const delegate = (provider.getDelegate?.() ?? provider) as { _resource?: unknown };
  return isResource(delegate._resource) ? delegate._resource : undefined;
}

function isResource(resource: unknown): resource is ResourceLike {
  const { attributes } = (resource ?? {}) as Partial<ResourceLike>;
  return typeof attributes === 'object' && attributes !== null;
}

function isValue(value: unknown): value is Value | Value[] {
  return Array.isArray(value) ? value.every(isPrimitive) : isPrimitive(value);
}

function isPrimitive(value: unknown): value is Value {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
