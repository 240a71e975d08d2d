// SPDX-License-Identifier: Apache-2.0
//
// A request on this thread: what application code records with. Live, unsampled and inert requests are one class, so
// that call sites stay monomorphic and tracing that is off costs one comparison. Made by the tracer; no method
// throws, except that an error of the application's own callback passes through.
import type { Context } from '@opentelemetry/api';
import { type Attributes, OWNER_LIMIT } from './attributes';
import type { Carrier } from './carrier';
import { isCarrierId, makeCarrier } from './carrier-check';
import type { EventOptions } from './event-options';
import type { GpuStream } from './gpu';
import { spanIdOf, traceIdOf } from './hex';
import { handleOf } from './id-words';
import { CLOSED, isToken, type Lane, type Token } from './lane';
import { Loss } from './loss';
import { type Native, NONE, SCRATCH } from './native';
import { libraryContext } from './parent';
import type { Passing } from './passing';
import { ERROR_BYTES } from './payload-encoder';
import type { EventKind, Stage } from './stage';
import { formatHeaders, type TraceContext } from './trace-context';

/** What `leave`, `finish` and `abort` take. */
export interface EndOptions {
  readonly attributes?: Attributes;
}

/** Ids of a request under the names that OpenTelemetry gives them in logs that are no OTLP. Hexadecimal. */
export interface RequestIds {
  readonly trace_id: string;
  readonly span_id: string;
  readonly trace_flags: '00' | '01';
}

/** What a request is made of; see lib/request-start.ts. */
interface Parts {
  readonly level: number;
  readonly where: number;
  readonly lane?: Lane | undefined;
  readonly ids?: readonly number[];
  readonly passing?: Passing;
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly baggage?: string | undefined;
  readonly adopted?: boolean;
}

// Indices of 32-bit words in the scratch memory and in `ids`, which is a copy of its beginning.
const TRACE = SCRATCH.traceId / 4;
const ROOT = SCRATCH.root / 4;
const PREVIOUS = SCRATCH.previous / 4;
const SPAN = SCRATCH.span / 4;
const INTEGER = SCRATCH.integer / 4;
/** A stage's place in the `where` of the addon's `begin`. */
const STAGE_MASK = 0xffff;

/**
 * One traced unit of work on this thread, from `tracer.request`, `tracer.trace`, `tracer.adopt` or `tracer.current`.
 * Use it on the thread that made it; `carrier` takes it elsewhere.
 */
export class Request {
  /** Stages up to this level are recorded, 1 to 4; -1: none, the request is inert or not sampled. */
  readonly level: number;
  /** @internal Owner index << 16, as the addon takes it; CLOSED after the end. */
  where: number;
  /** @internal Undefined for the inert request of a tracer that is off. */
  readonly lane: Lane | undefined;
  /** The lane's, of a live request, as are `words`: one step less on the hot path. */
  private readonly native: Native | undefined;
  private readonly words: Int32Array | undefined;
  private readonly idWords: readonly number[] | undefined;
  /** What it hands on instead, when it records nothing here. */
  private readonly passing: Passing | undefined;
  private readonly id: string | undefined;
  private readonly state: string | undefined;
  private readonly baggage: string | undefined;
  private readonly adopted: boolean;
  /** What a carrier links to once the request has left. */
  private lastLink: string | undefined;
  /** @internal Whether it has left this worker: no batch takes it any more. */
  left: boolean;

  /** @internal */
  constructor(parts: Parts) {
    this.level = parts.level;
    this.where = parts.where;
    this.lane = parts.lane;
    this.native = parts.level < 0 ? undefined : parts.lane?.native;
    this.words = parts.lane?.words;
    this.idWords = parts.ids;
    this.passing = parts.passing;
    this.id = parts.id;
    this.state = parts.state;
    this.baggage = parts.baggage;
    this.adopted = parts.adopted ?? false;
    this.lastLink = undefined;
    this.left = false;
  }

  /**
   * Opens a host slice. Its parent is what the request has open on this thread, or the slice of `parent`.
   * @returns a token for `end` or `next`; 0 when nothing was opened, which both ignore.
   */
  begin(stage: Stage, parent?: Token): Token {
    try {
      // The comparison is all the work of tracing that is off.
      if (stage.gate <= this.level) {
        if (parent === undefined) {
          const { words } = this;
          words![INTEGER] = this.where | (stage.id & STAGE_MASK);
          this.native!.beginPlaced();
          return words![INTEGER]!;
        }
        return this.lane!.begin(this.level, this.where, stage, parent);
      }
      // What is no stage compares false both ways.
      return stage.gate > this.level ? 0 : this.refuse();
    } catch {
      return this.refuse();
    }
  }

  /** Ends a slice of this request; 0 is ignored. A stale, doubled or made-up token is a counted loss. */
  end(token: Token, attributes?: Attributes): void {
    if (token === 0 || this.native === undefined) return;
    // The addon knows what is no token; the scratch memory would make one of it.
    if (isToken(token))
      this.lane!.endPlaced(token, attributes === undefined ? 0 : this.lane!.payload.slice(attributes));
    else this.native.end(token);
  }

  /** Ends one slice, with `attributes`, and begins the next at the same instant: one clock read. */
  next(token: Token, stage: Stage, attributes?: Attributes): Token {
    if (token === 0) return this.begin(stage);
    try {
      return this.lane === undefined ? 0 : this.lane.next(this.level, this.where, token, stage, attributes);
    } catch {
      return this.refuse();
    }
  }

  /**
   * Runs `body` in a slice that ends when it returns or its promise settles; a throw or rejection gives the slice
   * error status and passes on. `body` gets the token, to be named as parent by concurrent children.
   *
   * With a generator function (or anything that returns a generator) as `body`, returns a generator to use in its
   * place: the slice begins at the call and ends when the generator is done, throws, or is left early by `return()`
   * (`break` out of a loop over it). One that is abandoned half-way ends, flagged, with the request.
   */
  slice<T>(stage: Stage, body: (token: Token) => T, parent?: Token): T {
    const token = this.begin(stage, parent);
    return token === 0 || this.lane === undefined ? body(0) : this.lane.within(token, body);
  }

  /** A slice that is over: both times in ns of CLOCK_MONOTONIC (`tracer.now`). An end before the start is a loss. */
  record(stage: Stage, start: bigint, end: bigint, attributes?: Attributes): void {
    try {
      if (stage.gate > this.level) return;
      this.lane?.record(this.level, this, stage, start, end, attributes);
    } catch {
      this.refuse();
    }
  }

  /** Adds attributes to an open host slice. They add up with those of further calls and of its end, as far as they fit. */
  annotate(token: Token, attributes: Attributes): void {
    if (token === 0 || this.native === undefined) return;
    this.lane!.annotate(this.level, token, attributes);
  }

  /** Gives an open host slice error status, and leaves it open. An Error is kept as an exception event, at this time. */
  fail(token: Token, reason: unknown): void {
    if (token === 0 || this.native === undefined) return;
    this.lane!.failOpen(this.level, token, reason);
  }

  /** An instant in the innermost open slice, else in the worker span; `options` name another slice or time. */
  event(event: EventKind, attributes?: Attributes, options?: EventOptions): void {
    try {
      if (event.eventGate > this.level) return;
      this.lane?.event(this.level, this, event, attributes, options);
    } catch {
      this.refuse();
    }
  }

  /** Marks the begin of a GPU slice on `stream`. Its parent is the host slice open now. */
  beginGpu(stage: Stage, stream: GpuStream): Token {
    try {
      if (stage.gate > this.level) return 0;
      return this.lane === undefined ? 0 : this.lane.beginGpu(this.level, this.where, stage, stream.index);
    } catch {
      return this.refuse();
    }
  }

  /** Marks its end, on the same stream. The times follow once the device has passed both marks. */
  endGpu(token: Token, attributes?: Attributes): void {
    if (token === 0) return;
    this.lane?.endGpu(this.level, token, attributes);
  }

  /** Adds attributes to a GPU slice before its `endGpu`. */
  annotateGpu(token: Token, attributes: Attributes): void {
    if (token === 0 || this.native === undefined) return;
    this.lane!.annotateGpu(this.level, token, attributes);
  }

  /** Adds attributes to the root span; to the worker span where the request was adopted. */
  setAttributes(attributes: Attributes): void {
    const lane = this.lane;
    if (this.level < 0 || lane === undefined) return;
    // First: a getter among them may itself end this request, and start another in its place.
    const bytes = lane.payload.begin(OWNER_LIMIT).attributes(attributes).finish();
    if (this.where === CLOSED) lane.lose(Loss.closed);
    else lane.native.annotateRoot(this.where >>> 16, bytes);
  }

  /** Adds attributes to the span of this stay on this worker. It needs a slice or an event: attributes open none. */
  setWorkerAttributes(attributes: Attributes): void {
    const lane = this.lane;
    if (this.level < 0 || lane === undefined) return;
    const bytes = lane.payload.begin(OWNER_LIMIT).attributes(attributes).finish();
    if (this.where === CLOSED) lane.lose(Loss.closed);
    else lane.native.annotateWorker(this.where >>> 16, bytes);
  }

  /**
   * What another thread, process or host needs to continue the request (`tracer.adopt`). Of a request that records
   * nothing here: what was adopted, untouched, or only the context that its headers gave; undefined when there is none.
   */
  carrier(): Carrier | undefined {
    const ids = this.idWords;
    if (ids === undefined) return this.passing?.carrier();
    const id = isCarrierId(this.id) ? this.id : undefined;
    const trace = traceIdOf(ids, TRACE);
    return makeCarrier(trace, spanIdOf(ids, ROOT), this.link(), this.level, 1, id, this.state, this.baggage);
  }

  /**
   * W3C headers for an outgoing call: `traceparent`, and `tracestate` and `baggage` if there are any. Their parent is the
   * root span, which is always exported; where nothing is recorded, the caller's own context is handed through.
   */
  headers(): Record<string, string> {
    const position = this.position();
    return this.idWords === undefined || position === undefined
      ? (this.passing?.headers() ?? {})
      : formatHeaders(position, this.baggage);
  }

  /**
   * An OpenTelemetry context, for spans of libraries: they become children of the slice of `token`, else of the innermost
   * one open here, else of the worker or root span. The rest of it is the active context, and the request's baggage. Where
   * nothing is recorded, they become children of the caller. Not for the hot path: it makes objects.
   */
  context(token?: Token): Context {
    return libraryContext(this.innermost(token), this.baggage ?? this.passing?.headers()['baggage']);
  }

  /**
   * This worker is done with it: open slices are closed and flagged, and the worker span ends. Where the request was
   * started it can then still be sent on (`carrier`, `headers`), get attributes and be ended; elsewhere only be sent on.
   */
  leave(options?: EndOptions): void {
    const bytes = this.encodeEnd(options);
    const owner = this.close(this.adopted);
    if (owner === NONE) return;
    this.left = true;
    this.lane!.native.requestLeave(owner, bytes);
  }

  /** Ends the request: leaves this worker and writes the root span, if it was started here. Twice is a counted loss. */
  finish(options?: EndOptions): void {
    const bytes = this.encodeEnd(options);
    const owner = this.close(true);
    if (owner !== NONE) this.endOwner(owner, bytes);
  }

  /** Ends it with error status. An Error as reason is kept as an exception. */
  abort(reason: unknown = 'aborted', options?: EndOptions): void {
    if (this.level < 0 || this.lane === undefined) return;
    const attributes = attributesOf(options);
    // Before the reason, which must not be lost when a getter among them records or they fill the payload.
    const payload = this.lane.payload.begin(OWNER_LIMIT - ERROR_BYTES).attributes(attributes);
    const bytes = payload.extend(ERROR_BYTES).error(reason).finish();
    const owner = this.close(true);
    if (owner !== NONE) this.endOwner(owner, bytes);
  }

  /** Runs `body` with this request as `tracer.current()`, across its awaits. Once a request: it costs more than a slice. */
  run<T>(body: () => T): T {
    return this.lane === undefined ? body() : this.lane.ambient.run(this, body);
  }

  /**
   * For log lines: the trace, and the slice that is open here, else the worker or root span; of a request that is not
   * recorded, the caller's. Undefined where there is no trace. It makes strings: not for the hot path.
   */
  get ids(): RequestIds | undefined {
    const at = this.innermost(undefined);
    return at && { trace_id: at.traceId, span_id: at.spanId, trace_flags: at.sampled ? '01' : '00' };
  }

  /** For gpuspan.h: continues the request in native code of this process. 0n when it is inert. */
  get handle(): bigint {
    if (this.idWords === undefined) return 0n;
    return handleOf(this.idWords);
  }

  /** @internal It was closed as forgotten, and another request has its place. */
  supersede(): void {
    this.where = CLOSED;
  }

  private refuse(): 0 {
    this.lane?.refuse(this.level);
    return 0;
  }

  private position(): TraceContext | undefined {
    if (this.idWords === undefined) return this.passing?.context();
    return {
      traceId: traceIdOf(this.idWords, TRACE),
      spanId: spanIdOf(this.idWords, ROOT),
      sampled: true,
      ...(this.state !== undefined && { state: this.state }),
    };
  }

  private innermost(token: Token | undefined): TraceContext | undefined {
    const root = this.position();
    if (root === undefined || this.idWords === undefined) return root;
    const local = { ...root, local: true };
    // The root span of an adopted request is its sender's.
    const whole = this.adopted ? root : local;
    if (this.where === CLOSED || this.lane === undefined) return whole;
    const { native, words } = this.lane;
    native.requestSpan(this.where >>> 16, typeof token === 'number' ? token : 0);
    return (words[SPAN]! | words[SPAN + 1]!) === 0 ? whole : { ...local, spanId: spanIdOf(words, SPAN) };
  }

  private link(): string | undefined {
    if (this.where === CLOSED || this.lane === undefined) return this.lastLink;
    const { native, words } = this.lane;
    native.requestLink(this.where >>> 16);
    return (words[PREVIOUS]! | words[PREVIOUS + 1]!) === 0 ? this.lastLink : spanIdOf(words, PREVIOUS);
  }

  /** The owner index to end, or NONE; with `forGood` no later call reaches an owner that has taken its place. */
  private close(forGood: boolean): number {
    const { where } = this;
    if (this.level < 0 || this.lane === undefined) return NONE;
    if (where === CLOSED) {
      this.lane.lose(Loss.closed);
      return NONE;
    }
    // What can be sent on afterwards, which is all but a request that was started here and is over.
    if (this.adopted || !forGood) this.lastLink = this.link();
    const owner = where >>> 16;
    if (!forGood) return owner;
    this.where = CLOSED;
    this.lane.holders.drop(owner);
    return owner;
  }

  /** Before `close`: a getter among the attributes may itself end this request, and start another in its place. */
  private encodeEnd(options: EndOptions | undefined): number {
    if (options === undefined || this.level < 0) return 0;
    const attributes = attributesOf(options);
    return attributes === undefined ? 0 : this.lane!.payload.begin(OWNER_LIMIT).attributes(attributes).finish();
  }

  private endOwner(owner: number, bytes: number): void {
    if (this.adopted) this.lane!.native.requestLeave(owner, bytes);
    else this.lane!.native.requestFinish(owner, bytes);
  }
}

/** @internal None when a getter of the application's throws. */
export function attributesOf(options: EndOptions | undefined): Attributes | undefined {
  try {
    return options?.attributes;
  } catch {
    return undefined;
  }
}

/** The request of a tracer that is off: one for all. Not frozen, because that would make its shape differ. */
export const INERT_REQUEST = new Request({ level: -1, where: CLOSED });
