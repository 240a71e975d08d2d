// SPDX-License-Identifier: Apache-2.0
//
// A batch on this thread: requests that share measurements, so that one clock read and one record serve all of them.
// Defining it is the only step that looks at every member, and it never happens when tracing is off. Only the
// definition throws, for members that make no sense; nothing that records does.
import { type Attributes, type Columns, OWNER_LIMIT } from './attributes';
import { GpuspanError } from './errors';
import type { EventOptions } from './event-options';
import type { GpuStream } from './gpu';
import { Holders } from './holders';
import { handleOf } from './id-words';
import { CLOSED, type Lane, type MemberColumns, type Token } from './lane';
import { Loss } from './loss';
import { BATCH_FLAG, MEMBERS_GONE, NONE, SCRATCH } from './native';
import { attributesOf, type EndOptions, Request } from './request';
import type { EventKind, Stage } from './stage';

/** Options of `tracer.batch`. */
export interface BatchOptions {
  /** Attributes of the batch span. */
  readonly attributes?: Attributes;
  /** The batch that this one continues with other members: its span gets a link to that one's, ended or not. */
  readonly previous?: Batch;
}

const MAX_MEMBERS = 4096;
/** With the batch's span id, for the link of the batch that continues it. */
const ID_WORDS = SCRATCH.span / 4 + 2;
const NO_MEMBERS: MemberColumns = { count: 0, positions: undefined, given: 0 };

/** A batch. Slices end with `endSlice` and `endGpu`; `end` closes the batch itself. */
export class Batch {
  /** The highest level of a member, 1 to 4; -1 when nothing is recorded. */
  readonly level: number;
  private readonly lane: Lane | undefined;
  /** @internal As `Request.where`. */
  where: number;
  private readonly members: MemberColumns;
  /** @internal The words of the scratch memory after its definition; undefined when it is inert. */
  readonly ids: Int32Array | undefined;

  /** @internal */
  constructor(
    level: number,
    where: number,
    lane: Lane | undefined,
    members: MemberColumns,
    ids: Int32Array | undefined,
  ) {
    this.level = level;
    this.lane = lane;
    this.where = where;
    this.members = members;
    this.ids = ids;
  }

  /** Opens a host slice of the batch; see `Request.begin`. */
  begin(stage: Stage, parent?: Token): Token {
    try {
      if (stage.gate > this.level) return 0;
      return this.lane === undefined ? 0 : this.lane.begin(this.level, this.where, stage, parent);
    } catch {
      return this.refuse();
    }
  }

  /** Ends it. `columns` give every member's own span one value, in the order of the definition. */
  endSlice(token: Token, attributes?: Attributes, columns?: Columns): void {
    if (token === 0 || this.lane === undefined) return;
    if (attributes === undefined && columns === undefined) this.lane.end(this.level, token);
    else this.lane.endWith(this.level, token, attributes, columns, this.members);
  }

  /** Ends one slice, with `attributes`, and begins the next with one clock read. */
  next(token: Token, stage: Stage, attributes?: Attributes): Token {
    if (token === 0) return this.begin(stage);
    try {
      return this.lane === undefined ? 0 : this.lane.next(this.level, this.where, token, stage, attributes);
    } catch {
      return this.refuse();
    }
  }

  /** The scope helper; see `Request.slice`. */
  slice<T>(stage: Stage, body: (token: Token) => T, parent?: Token): T {
    const token = this.begin(stage, parent);
    return token === 0 || this.lane === undefined ? body(0) : this.lane.within(token, body);
  }

  /** A slice that is over; see `Request.record`. */
  record(stage: Stage, start: bigint, end: bigint, attributes?: Attributes): void {
    try {
      if (stage.gate > this.level) return;
      this.lane?.record(this.level, this, stage, start, end, attributes);
    } catch {
      this.refuse();
    }
  }

  /** Adds attributes, and values for each member, to an open host slice; see `Request.annotate`. */
  annotate(token: Token, attributes?: Attributes, columns?: Columns): void {
    if (token === 0 || this.level < 0) return;
    this.lane?.annotate(this.level, token, attributes, columns, this.members);
  }

  /** Gives an open host slice, and with it each member's span of it, error status; see `Request.fail`. */
  fail(token: Token, reason: unknown): void {
    if (token === 0 || this.level < 0) return;
    this.lane?.failOpen(this.level, token, reason);
  }

  /** An instant in the innermost open slice of the batch, else in the batch span; see `Request.event`. */
  event(event: EventKind, attributes?: Attributes, options?: EventOptions): void {
    try {
      if (event.eventGate > this.level) return;
      this.lane?.event(this.level, this, event, attributes, options);
    } catch {
      this.refuse();
    }
  }

  /** Marks the begin of a GPU slice on `stream`. */
  beginGpu(stage: Stage, stream: GpuStream): Token {
    try {
      if (stage.gate > this.level) return 0;
      return this.lane === undefined ? 0 : this.lane.beginGpu(this.level, this.where, stage, stream.index);
    } catch {
      return this.refuse();
    }
  }

  /** Marks its end on the same stream. `attributes` are the slice's, `columns` give each member one value. */
  endGpu(token: Token, attributes?: Attributes, columns?: Columns): void {
    if (token === 0) return;
    this.lane?.endGpu(this.level, token, attributes, columns, this.members);
  }

  /** Adds attributes, and values for each member, to a GPU slice before its `endGpu`. */
  annotateGpu(token: Token, attributes?: Attributes, columns?: Columns): void {
    if (token === 0 || this.level < 0) return;
    this.lane?.annotateGpu(this.level, token, attributes, columns, this.members);
  }

  /** Adds attributes to the batch span. */
  setAttributes(attributes: Attributes): void {
    const lane = this.lane;
    if (this.level < 0 || lane === undefined) return;
    if (this.where === CLOSED) lane.lose(Loss.closed);
    else lane.native.annotateWorker(this.where >>> 16, lane.payload.begin(OWNER_LIMIT).attributes(attributes).finish());
  }

  /** Closes the batch span; slices still open are closed and flagged. Twice is a counted loss. */
  end(options?: EndOptions): void {
    const { lane, where } = this;
    if (this.level < 0 || lane === undefined) return;
    if (where === CLOSED) {
      lane.lose(Loss.closed);
      return;
    }
    this.where = CLOSED;
    const attributes = attributesOf(options);
    const bytes = attributes === undefined ? 0 : lane.payload.begin(OWNER_LIMIT).attributes(attributes).finish();
    lane.native.batchEnd((where >>> 16) & ~BATCH_FLAG, bytes);
  }

  /** For gpuspan.h: records on the batch from native code of this process. 0n when it is inert. */
  get handle(): bigint {
    return this.ids === undefined ? 0n : handleOf(this.ids);
  }

  /** @internal Another batch has its place: all that is still called here counts as after the end. */
  supersede(): void {
    this.where = CLOSED;
  }

  private refuse(): 0 {
    this.lane?.refuse(this.level);
    return 0;
  }
}

/** The batch of a tracer that is off, of no live members, or without room. */
export const INERT_BATCH = new Batch(-1, CLOSED, undefined, NO_MEMBERS, undefined);

/** Marks, by owner index, the last definition that had it as a member: how duplicates show at O(1) each. */
const seen = new Uint32Array(NONE + 1);
let definition = 0;

/** By entry of the lane's table. */
const holders = new Holders();

/** @throws GpuspanError `GPUSPAN_BATCH`: something that is no request, a duplicate, too many. */
export function defineBatch(lane: Lane, requests: Iterable<Request>, options: BatchOptions | undefined): Batch {
  const given = toArray(requests);
  // The attributes first, behind the longest list of members: a getter among them may itself record, use the places
  // of the members, and end one.
  const bytes = encodeAttributes(lane, options);
  let { count, level } = collect(lane, given);
  let index = define(lane, count, bytes, MAX_MEMBERS);
  if (index === MEMBERS_GONE) {
    const before = count;
    closeGone(lane, given);
    ({ count, level } = collect(lane, given));
    index = define(lane, count, bytes, before);
  }
  const skipped = count !== given.length;
  if (skipped) loseSkipped(lane, given);
  if (index === NONE) return INERT_BATCH;
  const positions = skipped ? livePositions(given, count) : undefined;
  const members: MemberColumns = { count, positions, given: given.length };
  return holders.take(
    index,
    new Batch(level, (index | BATCH_FLAG) << 16, lane, members, lane.words.slice(0, ID_WORDS)),
  );
}

/** Of the members collected. `from` is where the attributes are, in units of a member index. */
function define(lane: Lane, count: number, bytes: number, from: number): number {
  if (count === 0) return NONE;
  // The addon expects them right behind the members.
  if (bytes > 0) lane.members.copyWithin(count, from, from + Math.ceil(bytes / 2));
  return lane.native.batchDefine(count, bytes);
}

/** Tells those that the addon closed as forgotten, and marked in what `collect` wrote: they have not heard of it yet. */
function closeGone(lane: Lane, given: readonly unknown[]): void {
  let at = 0;
  for (const request of given as Request[]) if (isLive(request) && lane.members[at++] === NONE) request.supersede();
}

/** Puts them behind the room for members, and returns their length. */
function encodeAttributes(lane: Lane, options: BatchOptions | undefined): number {
  const attributes = options?.attributes;
  const previous = previousOf(options);
  if (attributes === undefined && previous === undefined) return 0;
  const payload = lane.payload.begin(OWNER_LIMIT, 2 * MAX_MEMBERS);
  if (previous !== undefined) payload.link(previous);
  return payload.attributes(attributes).finish();
}

function previousOf(options: BatchOptions | undefined): Int32Array | undefined {
  const previous: unknown = options?.previous;
  if (previous === undefined || previous === null) return undefined;
  if (previous instanceof Batch) return previous.ids;
  throw new GpuspanError('GPUSPAN_BATCH', `the previous batch of a batch must be a batch, got ${String(previous)}`);
}

function toArray(requests: unknown): readonly unknown[] {
  if (Array.isArray(requests)) return requests;
  if (typeof requests === 'object' && requests !== null && Symbol.iterator in requests)
    return [...(requests as Iterable<unknown>)];
  throw new GpuspanError('GPUSPAN_BATCH', `a batch is made of an array of requests, got ${String(requests)}`);
}

/** Writes the members' owner indices where the addon expects them. Requests that record nothing are passed over. */
function collect(lane: Lane, given: readonly unknown[]): { count: number; level: number } {
  let count = 0;
  let level = -1;
  definition = (definition + 1) >>> 0 || 1;
  for (let i = 0; i < given.length; i++) {
    const request = given[i];
    if (!(request instanceof Request)) {
      throw new GpuspanError('GPUSPAN_BATCH', `member ${i} of a batch is not a request of this tracer`);
    }
    if (!isLive(request)) continue;
    const owner = request.where >>> 16;
    if (seen[owner] === definition) throw new GpuspanError('GPUSPAN_BATCH', `member ${i} of a batch is in it twice`);
    if (count === MAX_MEMBERS) throw new GpuspanError('GPUSPAN_BATCH', `a batch has at most ${MAX_MEMBERS} members`);
    seen[owner] = definition;
    lane.members[count++] = owner;
    if (request.level > level) level = request.level;
  }
  return { count, level };
}

/** What ended, or left, before its batch began: one of the races of a server, not a reason to throw. */
function loseSkipped(lane: Lane, given: readonly unknown[]): void {
  for (const request of given as Request[]) if (request.level >= 0 && !isLive(request)) lane.lose(Loss.closed);
}

function isLive(request: Request): boolean {
  return request.level >= 0 && request.where !== CLOSED && !request.left;
}

function livePositions(given: readonly unknown[], count: number): Uint32Array {
  const positions = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < given.length; i++) if (isLive(given[i] as Request)) positions[at++] = i;
  return positions;
}
