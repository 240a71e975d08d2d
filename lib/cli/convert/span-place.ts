// SPDX-License-Identifier: Apache-2.0
//
// Which process, thread and GPU stream a span belongs to, from its own attributes and its resource's: those of gpuspan, of
// OpenTelemetry's conventions and of SGLang. Called for each span that is read.
import type { Attributes, ReceivedSpan } from '../../testing/otlp-json';
import { isGpuSlice, kindOf, numberOf, serviceOf, type SpanKind, textOf } from '../model/classify';
import { RECORD_FLAG } from './record';
import type { Process, Places } from './places';

const MAX_NAME = 120;
const MAX_PID = 2 ** 31 - 1;
/** What is shown first within a process. */
export const RANK = { requests: 0, batches: 1, thread: 100, stream: 10_000, counter: 20_000 } as const;

/** Attributes of a resource that tell one process from another, beside the host. */
const INSTANCE = ['container.id', 'k8s.pod.uid', 'service.instance.id', 'process.pid'];

export interface SpanPlace {
  readonly kind: SpanKind;
  readonly place: number;
  readonly origin: number;
  readonly flags: number;
}

export class SpanPlaces {
  readonly #places: Places;
  #resource: Attributes | undefined;
  #origin = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  of(span: ReceivedSpan): SpanPlace {
    const kind = kindOf(span);
    const origin = this.#originOf(span);
    if (isGpuSlice(span)) {
      if (kind !== 'copy') return { kind, origin, place: this.#stream(span, origin), flags: 0 };
      return {
        kind,
        origin,
        place: this.#lanes(origin, 'requests'),
        flags: RECORD_FLAG.inherits | RECORD_FLAG.gpuCopy,
      };
    }
    if (kind === 'batch') return { kind, origin, place: this.#lanes(origin, 'batches'), flags: 0 };
    const thread = this.#thread(span, origin);
    if (thread !== undefined) return { kind, origin, place: thread, flags: 0 };
    return { kind, origin, place: this.#lanes(origin, 'requests'), flags: RECORD_FLAG.inherits };
  }

  // Resources are one object for many spans.
  #originOf(span: ReceivedSpan): number {
    const { resource } = span;
    if (resource !== this.#resource) {
      this.#resource = resource;
      this.#origin = this.#places.process(processKey(resource, hostOf(resource)), () =>
        describe(span, hostOf(resource)),
      );
    }
    return this.#origin;
  }

  #lanes(process: number, kind: 'requests' | 'batches'): number {
    return this.#places.place(process, kind, () => ({ kind, name: kind, rank: RANK[kind] }));
  }

  #stream(span: ReceivedSpan, process: number): number {
    const { attributes } = span;
    const device = textOf(attributes, 'gpu.device') ?? '0';
    const stream = textOf(attributes, 'gpu.stream') ?? '0';
    const key = ['stream', textOf(attributes, 'gpu.uuid') ?? device, stream].join(' ');
    const simulated = attributes['gpu.time.source'] === 'simulated' ? ' (simulated)' : '';
    const name = `GPU ${short(device)} stream ${short(stream)}${simulated}`;
    return this.#places.place(process, key, () => ({
      kind: 'stack',
      name,
      rank: RANK.stream + rankOf(device, stream),
    }));
  }

  #thread(span: ReceivedSpan, origin: number): number | undefined {
    const { attributes, resource } = span;
    const label = textOf(attributes, 'thread_label');
    const tid = label === undefined ? textOf(attributes, 'thread.id') : textOf(attributes, 'pid');
    if (tid === undefined) return undefined;
    // SGLang says the host on its thread spans only.
    const host = hostOf(resource) ?? textOf(attributes, 'host_id');
    const process =
      host === hostOf(resource) ? origin : this.#places.process(processKey(resource, host), () => describe(span, host));
    const name = threadName(span, label, tid);
    return this.#places.place(process, `thread ${tid}`, () => ({ kind: 'thread', name, rank: RANK.thread }));
  }
}

function hostOf(resource: Attributes): string | undefined {
  return textOf(resource, 'host.id') ?? textOf(resource, 'host.name') ?? textOf(resource, 'k8s.node.name');
}

function processKey(resource: Attributes, host: string | undefined): string {
  return JSON.stringify([textOf(resource, 'service.name'), host, ...INSTANCE.map((key) => textOf(resource, key))]);
}

function describe(span: ReceivedSpan, host: string | undefined): Omit<Process, 'rank'> {
  const { resource } = span;
  const pid = Number(textOf(resource, 'process.pid') ?? Number.NaN);
  const shown = textOf(resource, 'host.name') ?? textOf(resource, 'k8s.pod.name') ?? host;
  const instance = Number.isNaN(pid) ? textOf(resource, 'service.instance.id') : undefined;
  const parts = [serviceOf(span), shown && `on ${short(shown, 40)}`, instance && short(instance, 40)];
  return {
    name: short(parts.filter((part) => part !== undefined && part !== '').join(' ')),
    ...(Number.isInteger(pid) && pid > 0 && pid <= MAX_PID && { pid }),
    attributes: resource,
  };
}

function threadName(span: ReceivedSpan, label: string | undefined, tid: string): string {
  const { attributes } = span;
  const own = label ?? textOf(attributes, 'gpuspan.worker.label') ?? textOf(attributes, 'thread.name') ?? 'thread';
  const parts = [own];
  for (const rank of ['tp', 'pp', 'dp', 'ep']) {
    const value = numberOf(span, `gpuspan.worker.${rank}_rank`) ?? numberOf(span, `${rank}_rank`);
    if (value !== undefined) parts.push(`${rank}${value}`);
  }
  const gpu = numberOf(span, 'gpuspan.worker.gpu_index');
  if (gpu !== undefined) parts.push(`gpu${gpu}`);
  if (attributes['gpuspan.worker.kind'] === 'native') parts.push('(native)');
  parts.push(`tid ${tid}`);
  return short(parts.join(' '));
}

function rankOf(device: string, stream: string): number {
  const rank = Number(device) * 64 + Number(stream);
  return rank >= 0 && rank < RANK.counter - RANK.stream ? Math.floor(rank) : 0;
}

function short(text: string, most = MAX_NAME): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
