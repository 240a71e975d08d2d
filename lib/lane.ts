// SPDX-License-Identifier: Apache-2.0
//
// JavaScript's side of this environment's lane: the checks that the addon does not make, and the calls that requests
// and batches have in common. One an environment, made by `start()` when tracing is on. Everything here is the record
// path of a live owner; nothing throws except what a callback of the application throws.
import { openAmbient } from './ambient';
import { type Attributes, type Columns, EVENT_LIMIT, SLICE_LIMIT } from './attributes';
import type { CarrierRefusal } from './carrier-check';
import type { EventOptions } from './event-options';
import { Holders } from './holders';
import { Loss, type LossReason } from './loss';
import { type Native, NONE, SCRATCH } from './native';
import { PayloadEncoder } from './payload-encoder';
import type { SamplerLike } from './sampling';
import { type Closing, closeLater, goesOn } from './scope';
import { type Modules, Settings } from './settings';
import type { EventKind, Level, Stage } from './stage';

/** Names an open slice on the thread that began it; 0: nothing was opened. Below 2^31. */
export type Token = number;

/** `where` of an owner that has ended or was never live; see `Native.begin`. */
export const CLOSED = NONE << 16;

/** A request or a batch, whose `where` may change while attributes are read: getters are the application's code. */
interface Owner {
  readonly where: number;
}

/** Members of a batch, for columns: how many are live, where their values stand, how many were given. */
export interface MemberColumns {
  readonly count: number;
  readonly positions: Uint32Array | undefined;
  readonly given: number;
}

const WORDS = SCRATCH.payload / 4;
// Indices of 32-bit words in the scratch memory: the second holds a stage and, above it, how long the payload is.
const INTEGER = SCRATCH.integer / 4;
const STAGE = SCRATCH.stage / 4;
const BYTES_SHIFT = 8 * (SCRATCH.bytes - SCRATCH.stage);
const STAGE_MASK = (1 << BYTES_SHIFT) - 1;
const MAX_TIME = 2n ** 63n;

export class Lane {
  readonly payload: PayloadEncoder;
  /** The fixed part of the scratch memory: ids, in 32-bit words. */
  readonly words: Int32Array;
  /** Level and modules of new requests. */
  readonly settings: Settings;
  /** Where `batchDefine` expects member indices. */
  readonly members: Uint16Array;
  /** `request.run` enters it, once a request; `tracer.current` looks into it. */
  readonly ambient = openAmbient();
  /** The requests of this lane. */
  readonly holders = new Holders();
  /** Carriers that `adopt` refused, by reason. */
  readonly refusedCarriers = new Map<CarrierRefusal, number>();

  constructor(
    readonly native: Native,
    scratch: ArrayBuffer,
    level: 0 | Level,
    modules?: Modules,
    /** Undefined: the parent decides, and what has none is recorded. */
    readonly sampler?: SamplerLike,
  ) {
    this.settings = new Settings(native, level, modules);
    this.payload = new PayloadEncoder(native, scratch);
    this.words = new Int32Array(scratch, 0, WORDS);
    this.members = new Uint16Array(scratch, SCRATCH.payload);
  }

  /** Counts a slice that cannot be recorded. Returns the token of nothing. */
  lose(reason: LossReason): 0 {
    this.native.lose(reason);
    return 0;
  }

  begin(level: number, where: number, stage: Stage, parent: Token | undefined): Token {
    if (!(stage.gate <= level)) return this.refuse(level);
    if (where === CLOSED) return this.lose(Loss.closed);
    if (parent === undefined || parent === 0) return this.native.begin(where | stage.id);
    return isToken(parent) ? this.native.beginUnder(where | stage.id, parent) : this.lose(Loss.invalid);
  }

  end(level: number, token: Token): void {
    if (isToken(token)) this.native.end(token);
    else this.refuse(level);
  }

  endWith(
    level: number,
    token: Token,
    attributes: Attributes | undefined,
    columns: Columns | undefined,
    members: MemberColumns,
  ): void {
    if (isToken(token)) this.endPlaced(token, this.encodeSlice(attributes, columns, members));
    else this.refuse(level);
  }

  /** Ends a slice with `bytes` of payload. */
  endPlaced(token: Token, bytes: number): void {
    this.words[INTEGER] = token;
    this.words[STAGE] = bytes << BYTES_SHIFT;
    this.native.endPlaced();
  }

  /** The new stage may be above the level or make no sense: then the old slice just ends. */
  next(level: number, where: number, token: Token, stage: Stage, attributes: Attributes | undefined): Token {
    if (!isToken(token)) {
      this.refuse(level);
      return this.begin(level, where, stage, undefined);
    }
    // What is no stage must not keep the old slice open.
    const gate = (stage as Stage | undefined)?.gate ?? Number.NaN;
    const bytes = attributes === undefined ? 0 : this.encodeSlice(attributes);
    if (gate <= level && where !== CLOSED) return this.nextPlaced(token, stage.id & STAGE_MASK, bytes);
    this.endPlaced(token, bytes);
    // After the owner's end the token was stale: that is the call's one loss.
    return gate > level || where === CLOSED ? 0 : this.begin(level, where, stage, undefined);
  }

  private nextPlaced(token: Token, stage: number, bytes: number): Token {
    const { words } = this;
    words[INTEGER] = token;
    words[STAGE] = stage | (bytes << BYTES_SHIFT);
    this.native.nextPlaced();
    return words[INTEGER]!;
  }

  /**
   * Runs `body` inside the slice `token`, which ends when `body` has returned, resolved, thrown or rejected, or the
   * generator that it returned is done.
   */
  within<T>(token: Token, body: (token: Token) => T): T {
    let result: T;
    try {
      result = body(token);
      // Within: `then` may be a getter, and either may throw.
      if (goesOn(result)) return closeLater(result, this.closing(token)) as T;
    } catch (error) {
      this.fail(token, error);
      throw error;
    }
    this.native.end(token);
    return result;
  }

  annotate(
    level: number,
    token: Token,
    attributes: Attributes | undefined,
    columns?: Columns,
    members?: MemberColumns,
  ): void {
    if (!isToken(token)) this.refuse(level);
    else this.native.annotate(token, this.encodeSlice(attributes, columns, members));
  }

  annotateGpu(
    level: number,
    token: Token,
    attributes: Attributes | undefined,
    columns?: Columns,
    members?: MemberColumns,
  ): void {
    if (!isToken(token)) this.refuse(level);
    else this.native.gpuAnnotate(token, this.encodeSlice(attributes, columns, members));
  }

  /** The slice stays open; hence an exception gets the time of now, not of its end. */
  failOpen(level: number, token: Token, reason: unknown): void {
    if (!isToken(token)) this.refuse(level);
    else {
      const time = process.hrtime.bigint();
      this.native.annotate(token, this.payload.begin(SLICE_LIMIT).error(reason, time).finish());
    }
  }

  /** Times are ns of CLOCK_MONOTONIC. */
  record(
    level: number,
    owner: Owner,
    stage: Stage,
    start: bigint,
    end: bigint,
    attributes: Attributes | undefined,
  ): void {
    if (!(stage.gate <= level)) this.refuse(level);
    else if (owner.where === CLOSED) this.lose(Loss.closed);
    else if (!isTime(start) || !isTime(end)) this.lose(Loss.invalid);
    else {
      // Before the owner is looked at: a getter may end it.
      const bytes = attributes === undefined ? 0 : this.encodeSlice(attributes);
      this.native.record(owner.where | stage.id, start, end, bytes);
    }
  }

  event(
    level: number,
    owner: Owner,
    event: EventKind,
    attributes: Attributes | undefined,
    options: EventOptions | undefined,
  ): void {
    if (!(event.eventGate <= level)) this.refuse(level);
    else if (owner.where === CLOSED) this.lose(Loss.closed);
    else if (options !== undefined) this.eventAt(owner, event, attributes, options);
    else if (attributes === undefined) this.native.event(owner.where | event.eventId, 0, 0);
    else {
      const bytes = this.payload.begin(EVENT_LIMIT).attributes(attributes).finish();
      this.native.event(owner.where | event.eventId, bytes, this.payload.items);
    }
  }

  private eventAt(owner: Owner, event: EventKind, attributes: Attributes | undefined, options: EventOptions): void {
    // First, because a getter may itself record and so use the payload.
    const { time, slice = 0 } = options;
    if (!isToken(slice) || (time !== undefined && !isTime(time))) {
      this.lose(Loss.invalid);
      return;
    }
    const bytes = this.payload.begin(EVENT_LIMIT).attributes(attributes).finish();
    this.native.eventAt(owner.where | event.eventId, bytes, this.payload.items, slice, time);
  }

  beginGpu(level: number, where: number, stage: Stage, stream: number): Token {
    if (!(stage.gate <= level)) return this.refuse(level);
    if (where === CLOSED) return this.lose(Loss.closed);
    if (!Number.isInteger(stream)) return this.lose(Loss.invalid);
    return stream < 0 ? this.lose(Loss.gpuDevice) : this.native.gpuBegin(where | stage.id, stream);
  }

  endGpu(
    level: number,
    token: Token,
    attributes: Attributes | undefined,
    columns?: Columns,
    members?: MemberColumns,
  ): void {
    if (!isToken(token)) this.refuse(level);
    else
      this.native.gpuEnd(
        token,
        attributes === undefined && columns === undefined ? 0 : this.encodeSlice(attributes, columns, members),
      );
  }

  /** An argument of the wrong type: a loss of a live owner, nothing for an inert one. */
  refuse(level: number): 0 {
    return level < 0 ? 0 : this.lose(Loss.invalid);
  }

  private encodeSlice(attributes: Attributes | undefined, columns?: Columns, members?: MemberColumns): number {
    this.payload.begin(SLICE_LIMIT).attributes(attributes);
    if (members !== undefined) this.payload.columns(columns, members.count, members.positions, members.given);
    return this.payload.finish();
  }

  private fail(token: Token, error: unknown): void {
    this.endPlaced(token, this.payload.begin(SLICE_LIMIT).error(error).finish());
  }

  private closing(token: Token): Closing {
    return { done: () => this.native.end(token), failed: (error) => this.fail(token, error) };
  }
}

/**
 * @internal A number that `| 0` leaves alone is an int32. The comparison with typeof comes first, because `| 0` calls
 * valueOf of objects and throws for a bigint.
 */
export function isToken(token: unknown): token is Token {
  return typeof token === 'number' && (token | 0) === token;
}

function isTime(time: unknown): time is bigint {
  return typeof time === 'bigint' && time >= 0n && time < MAX_TIME;
}
