// SPDX-License-Identifier: Apache-2.0
//
// The addon as far as the recording side of lib/ uses it, in memory: every call becomes one line of `calls`, with its
// payload decoded. For tests of what JavaScript itself decides; what the addon does is tested with the addon.
import { Lane } from '../../lib/lane';
import { Loss } from '../../lib/loss';
import { ASK_AGAIN, BATCH_FLAG, type EntryKind, type Native, NONE, SCRATCH, SCRATCH_BYTES } from '../../lib/native';
import type { Level } from '../../lib/stage';

const ITEM_NAMES: Record<number, string> = {
  1: 'int',
  2: 'double',
  3: 'bool',
  4: 'string',
  6: 'status',
  9: 'column',
  10: 'name',
  11: 'traceState',
  13: 'strings',
  14: 'numbers',
  15: 'exception',
  16: 'link',
  17: 'offsetColumn',
};

/** Loss::kStale of native/core/layout.h, which only the addon counts. */
const STALE = 4;

export class FakeNative {
  readonly calls: string[] = [];
  readonly lost: number[] = [];
  readonly scratch = new ArrayBuffer(SCRATCH_BYTES);
  /** What the next requestStart, requestAdopt or batchDefine returns; counts up. */
  nextOwner = 1;
  full = false;
  dictionaryFull = false;
  /** Levels declared elsewhere in the process. */
  readonly foreign = new Map<string, number>();
  readonly names = ['other'];
  /** What setLevel and setModules were called with, and whether the lane has yet to follow. */
  changes: { level?: 0 | Level; modules?: readonly string[] | null } = {};
  changed = false;
  private token = 100;

  /** What JavaScript uses of it, typed as the whole. */
  get native(): Native {
    return this as unknown as Native;
  }

  lane(level: Level = 4): Lane {
    return new Lane(this.native, this.scratch, level);
  }

  /** The calls since the last look. */
  take(): string[] {
    return this.calls.splice(0);
  }

  intern(_kind: EntryKind, _module: number, level: number, text: string) {
    const known = this.foreign.get(text);
    const answer = { level: known ?? level, conflict: known !== undefined && known !== level };
    if (this.dictionaryFull) return { id: 0, ...answer };
    let id = this.names.indexOf(text);
    if (id < 0) id = this.names.push(text) - 1;
    return { id, ...answer };
  }

  settings(apply: boolean) {
    if (apply) this.changed = false;
    return this.changes;
  }

  settingsChanged() {
    return this.changed;
  }

  setLevel(level: 0 | Level) {
    this.changes = { ...this.changes, level };
    this.changed = true;
  }

  setModules(modules: readonly string[] | undefined) {
    this.changes = { ...this.changes, modules: modules ?? null };
    this.changed = true;
    return (modules ?? []).filter((name) => !this.names.includes(name));
  }

  requestStart(level: number, bytes: number) {
    if (this.changed) return ASK_AGAIN;
    this.say('requestStart', level, this.items(bytes));
    if (this.full) return NONE;
    this.fillIds();
    return this.nextOwner++;
  }

  requestAdopt(level: number) {
    if (this.changed) return ASK_AGAIN;
    this.say(
      'requestAdopt',
      level,
      this.hex(SCRATCH.traceId, 16),
      this.hex(SCRATCH.root, 8),
      this.hex(SCRATCH.previous, 8),
    );
    if (this.full) return NONE;
    return this.nextOwner++;
  }

  requestLeave(owner: number, bytes: number) {
    this.say('requestLeave', owner, this.items(bytes));
  }

  requestFinish(owner: number, bytes: number) {
    this.say('requestFinish', owner, this.items(bytes));
  }

  requestLink(owner: number) {
    this.say('requestLink', owner);
    new Uint8Array(this.scratch).fill(0xcc, SCRATCH.previous, SCRATCH.previous + 8);
  }

  annotateRoot(owner: number, bytes: number) {
    this.say('annotateRoot', owner, this.items(bytes));
  }

  annotateWorker(owner: number, bytes: number) {
    this.say('annotateWorker', owner, this.items(bytes));
  }

  begin(where: number) {
    // As the recorder does for an owner that has ended.
    if (where >>> 16 === NONE) {
      this.lose(Loss.closed);
      return 0;
    }
    this.say('begin', this.place(where));
    return ++this.token;
  }

  beginPlaced() {
    const words = new Int32Array(this.scratch);
    words[SCRATCH.integer / 4] = this.begin(words[SCRATCH.integer / 4]!);
  }

  endPlaced() {
    const { token, bytes } = this.placed();
    if (bytes === 0) this.end(token);
    else this.say('endWith', token, this.items(bytes));
  }

  nextPlaced() {
    const { token, stage, bytes } = this.placed();
    if (bytes === 0) this.say('next', token, this.names[stage]);
    else this.say('nextWith', token, this.names[stage], this.items(bytes));
    new Int32Array(this.scratch)[SCRATCH.integer / 4] = ++this.token;
  }

  beginUnder(where: number, parent: number) {
    this.say('beginUnder', this.place(where), parent);
    return ++this.token;
  }

  end(token: number) {
    // As the addon does for what can be no token.
    if (typeof token !== 'number' || (token | 0) !== token) this.lose(STALE);
    else this.say('end', token);
  }

  record(where: number, start: bigint, end: bigint, bytes: number) {
    this.say('record', this.place(where), start, end, this.items(bytes));
  }

  event(where: number, bytes: number, count: number) {
    this.say('event', this.place(where), this.items(bytes), count);
  }

  eventAt(where: number, bytes: number, count: number, slice: number, time: bigint | undefined) {
    this.say('eventAt', this.place(where), this.items(bytes), count, `slice=${slice}`, `time=${time}`);
  }

  annotate(token: number, bytes: number) {
    this.say('annotate', token, this.items(bytes));
  }

  lose(reason: number) {
    this.lost.push(reason);
  }

  batchDefine(count: number, bytes: number) {
    const members = [...new Uint16Array(this.scratch, SCRATCH.payload, count)];
    this.say('batchDefine', members.join('+'), this.items(bytes, count * 2));
    this.fillIds();
    return this.full ? NONE : this.nextOwner++;
  }

  batchEnd(batch: number, bytes: number) {
    this.say('batchEnd', batch, this.items(bytes));
  }

  unknownModules() {
    return [];
  }

  requestSpan() {}

  expireRequests() {
    return true;
  }

  gpuOpen() {
    return { source: 'simulated', description: 'a fake', reason: '' };
  }

  gpuStream(handle: bigint) {
    if (handle === 13n) throw new Error('this queue has no profiling');
    return Number(handle);
  }

  gpuBegin(where: number, stream: number) {
    this.say('gpuBegin', this.place(where), stream);
    return ++this.token;
  }

  gpuEnd(token: number, bytes: number) {
    this.say('gpuEnd', token, this.items(bytes));
  }

  gpuAnnotate(token: number, bytes: number) {
    this.say('gpuAnnotate', token, this.items(bytes));
  }

  /** Decodes a payload written to the scratch memory: one text an item. */
  items(bytes: number, offset = 0): string {
    const from = SCRATCH.payload + offset;
    const view = new DataView(this.scratch, from, bytes);
    const items: string[] = [];
    let at = 0;
    const text = () => {
      const length = view.getUint8(at++);
      at += length;
      return new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(this.scratch, from + at - length, length));
    };
    const number = (width: number) => {
      at += width;
      if (width === 1) return view.getInt8(at - 1);
      if (width === 2) return view.getInt16(at - 2, true);
      return width === 4 ? view.getInt32(at - 4, true) : view.getFloat64(at - 8, true);
    };
    const key = () => {
      at += 2;
      return this.names[view.getUint16(at - 2, true)];
    };
    const list = <T>(one: () => T) => Array.from({ length: view.getUint8(at++) }, one).join('|');
    while (at < bytes) {
      const type = ITEM_NAMES[view.getUint8(at++)];
      if (type === 'int') {
        items.push(`${key()}=${view.getBigInt64(at, true)}`);
        at += 8;
      } else if (type === 'double') items.push(`${key()}=${number(8)}`);
      else if (type === 'bool') items.push(`${key()}=${view.getUint8(at++) === 1}`);
      else if (type === 'string') items.push(`${key()}='${text()}'`);
      else if (type === 'strings') items.push(`${key()}=[${list(text)}]`);
      else if (type === 'numbers') items.push(`${key()}=[${list(() => number(8))}]`);
      else if (type === 'status') items.push(`status(${view.getUint8(at++)} '${text()}')`);
      else if (type === 'exception') items.push(`exception('${text()}' '${text()}')`);
      else if (type === 'name') items.push(`name('${text()}')`);
      else if (type === 'link') {
        at += 24;
        items.push(`link(${this.hex(from + at - 24, 16)} ${this.hex(from + at - 8, 8)})`);
      } else if (type === 'traceState') {
        const length = view.getUint16(at, true);
        at += 2 + length;
        items.push(`state('${new TextDecoder().decode(new Uint8Array(this.scratch, from + at - length, length))}')`);
      } else if (type === 'column') {
        const name = key();
        const width = view.getUint8(at);
        const count = view.getUint16(at + 1, true);
        at += 3;
        items.push(`${name}:${width}=[${Array.from({ length: count }, () => number(width)).join('|')}]`);
      } else if (type === 'offsetColumn') {
        const name = key();
        const width = view.getUint8(at);
        const count = view.getUint16(at + 1, true);
        const base = view.getInt32(at + 3, true);
        at += 7;
        const value = () => base + (number(width) & (width === 1 ? 0xff : 0xffff));
        items.push(`${name}:${width}+${base}=[${Array.from({ length: count }, value).join('|')}]`);
      } else throw new Error(`unknown item at ${at - 1}: ${items.join(' ')}`);
    }
    if (at !== bytes) throw new Error(`the payload ends within an item: ${items.join(' ')}`);
    return items.join(' ');
  }

  private fillIds() {
    const bytes = new Uint8Array(this.scratch);
    bytes.fill(0xaa, SCRATCH.traceId, SCRATCH.parent);
    bytes.fill(0xbb, SCRATCH.root, SCRATCH.previous);
    bytes.fill(0xdd, SCRATCH.span, SCRATCH.payload);
    new DataView(this.scratch).setBigUint64(SCRATCH.handle, 0xfedc_ba98_7654_3205n, true);
  }

  private hex(at: number, length: number) {
    return Buffer.from(this.scratch, at, length).toString('hex');
  }

  private place(where: number) {
    const owner = where >>> 16;
    return `${(owner & BATCH_FLAG) === 0 ? owner : `batch${owner & ~BATCH_FLAG}`}/${this.names[where & 0xffff]}`;
  }

  private placed() {
    const view = new DataView(this.scratch);
    const token = view.getInt32(SCRATCH.integer, true);
    return { token, stage: view.getUint16(SCRATCH.stage, true), bytes: view.getUint16(SCRATCH.bytes, true) };
  }

  private say(name: string, ...rest: unknown[]) {
    this.calls.push([name, ...rest].filter((part) => part !== '').join(' '));
  }
}
