// SPDX-License-Identifier: Apache-2.0
//
// What a request that records nothing here hands on, because tracing is off, the request is not sampled or there was no
// room. Made once a request, on its thread, by lib/request-start.ts; all work waits until `carrier` or `headers` is called.
// Nothing here loads OpenTelemetry, except to read a context or span of it that was given: with tracing off nothing does.
import { type Carrier, carrierToHeaders, type HeaderSource, passOnHeaders } from './carrier';
import { isCarrierId, makeCarrier, passableCarrier } from './carrier-check';
import { keepHeaders } from './find-header';
import { belowParent, type ParentLike } from './parent';
import { carrierContext, carrierOfHeaders, formatHeaders, type TraceContext } from './trace-context';

/** What an inert request answers with. */
export interface Passing {
  carrier(): Carrier | undefined;
  /** The position in the trace, if any. */
  context(): TraceContext | undefined;
  headers(): Record<string, string>;
}

/** A carrier, or its text, passed on untouched: whoever is next may record, or know its version. */
export class PassingCarrier implements Passing {
  constructor(private readonly given: unknown) {}

  carrier(): Carrier | undefined {
    return passableCarrier(this.given);
  }

  context(): TraceContext | undefined {
    return carrierContext(this.given);
  }

  headers(): Record<string, string> {
    return carrierToHeaders(this.given as Carrier);
  }
}

/** Headers of an incoming call, unread, while tracing is off. */
export class PassingHeaders implements Passing {
  constructor(private given: HeaderSource) {}

  carrier(): Carrier | undefined {
    return carrierOfHeaders(this.headers());
  }

  context(): TraceContext | undefined {
    return carrierContext(this.carrier());
  }

  headers(): Record<string, string> {
    this.given = keepHeaders(this.given);
    const { traceparent, tracestate, baggage } = passOnHeaders(this.given);
    return {
      ...(traceparent !== undefined && { traceparent }),
      ...(traceparent !== undefined && tracestate !== undefined && { tracestate }),
      ...(baggage !== undefined && { baggage }),
    };
  }
}

/** What an application gave as parent while tracing is off: used where the headers, if any, name no caller. */
export class PassingParent implements Passing {
  private readonly incoming: PassingHeaders;

  constructor(
    headers: HeaderSource | undefined,
    private readonly parent: ParentLike,
  ) {
    this.incoming = new PassingHeaders(headers ?? {});
  }

  carrier(): Carrier | undefined {
    return this.resolve().carrier();
  }

  context(): TraceContext | undefined {
    return this.resolve().context();
  }

  headers(): Record<string, string> {
    return this.resolve().headers();
  }

  // Each time anew, like all of this: it is asked once or not at all.
  private resolve(): Passing {
    if (this.incoming.context() !== undefined) return this.incoming;
    const { parent, baggage } = belowParent(this.parent, this.incoming.headers()['baggage']);
    return new PassingContext(parent, undefined, baggage);
  }
}

/** A position in a trace that was read from headers, or made by a sampler that said no. */
export class PassingContext implements Passing {
  constructor(
    private readonly position: TraceContext | undefined,
    private readonly id: string | undefined,
    private readonly baggage: string | undefined,
  ) {}

  carrier(): Carrier | undefined {
    const { position, id } = this;
    if (position === undefined) return undefined;
    const { traceId, spanId, sampled, state } = position;
    const carried = isCarrierId(id) ? id : undefined;
    return makeCarrier(traceId, spanId, undefined, 0, sampled ? 1 : 0, carried, state, this.baggage);
  }

  context(): TraceContext | undefined {
    return this.position;
  }

  headers(): Record<string, string> {
    const { position, baggage } = this;
    if (position !== undefined) return formatHeaders(position, baggage);
    return baggage === undefined ? {} : { baggage };
  }
}
