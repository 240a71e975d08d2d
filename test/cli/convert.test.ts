// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan convert`: what a viewer of Perfetto traces shows of spans of gpuspan's, SGLang's and others'.
import { describe, expect, it } from 'vitest';
import { converted, drawn, named, pathOf } from './converted';
import { BASE, type MadeSpan, otlpRequest, otlpSpan, spanId, traceId } from './otlp';

const MS = 1_000_000;
const process = (service: string, more: Readonly<Record<string, string | number>>, scope = 'gpuspan') => ({
  resource: {
    attributes: Object.entries({ 'service.name': service, ...more }).map(([key, value]) => ({
      key,
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    })),
  },
  scope,
});
type Origin = ReturnType<typeof process>;

function request({ resource, scope }: Origin, spans: readonly (MadeSpan | object)[]): object {
  const made = spans.map((span) => ('traceId' in span ? span : otlpSpan(span as MadeSpan)));
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: scope }, spans: made }] }] };
}

const decoder = process('decoder', { 'host.name': 'node-1', 'host.id': 'machine-boot', 'process.pid': 42 });
const level = { 'gpuspan.request.level': 2 };
const onThread = (tid: number, label = 'DecodeWorker') => ({
  ...level,
  'gpuspan.worker.label': label,
  'thread.id': tid,
});
const onGpu = (stream: number) => ({
  'gpu.time.source': 'simulated',
  'gpu.time.bound_ns': 500,
  'gpu.device': 0,
  'gpu.stream': stream,
  'gpu.uuid': 'GPU-1',
  'gpu.queue_delay_ns': 1000,
});

/** A request with a worker, in the order in which spans end. */
const one = (trace: number, start: number, tid = 7): MadeSpan[] => [
  { trace, id: trace * 100 + 3, parent: trace * 100 + 2, name: 'inner', start: start + 1 * MS, end: start + 2 * MS },
  { trace, id: trace * 100 + 2, parent: trace * 100 + 1, name: 'outer', start, end: start + 5 * MS },
  {
    trace,
    id: trace * 100 + 1,
    parent: trace * 100,
    name: 'worker',
    start,
    end: start + 9 * MS,
    attributes: onThread(tid),
  },
  { trace, id: trace * 100, name: 'request', start, end: start + 10 * MS, attributes: level },
];

describe('gpuspan convert', () => {
  it('draws requests, the threads they were on and their nested slices', async () => {
    const shown = await converted([request(decoder, one(1, 0))]);
    expect(drawn(shown).sort()).toEqual([
      'decoder on node-1 / DecodeWorker tid 7 / requests 1: inner in outer',
      'decoder on node-1 / DecodeWorker tid 7 / requests 1: outer in worker',
      'decoder on node-1 / DecodeWorker tid 7 / requests 1: worker',
      'decoder on node-1 / requests / requests 1: request',
    ]);
    expect(shown.stdout).toContain('4 spans of 1 process');
    expect(named(shown, 'outer')).toMatchObject({ start: BASE, end: BASE + BigInt(5 * MS), category: 'gpuspan' });
  });

  it('gives each request at a time a lane, which it keeps, and the first free one to the next', async () => {
    const shown = await converted([request(decoder, [...one(1, 0), ...one(2, 3 * MS), ...one(3, 9 * MS)])]);
    const lanes = shown.slices
      .filter(({ name }) => name === 'worker' || name === 'inner')
      .map((slice) => [slice.args['trace_id']![0], pathOf(shown, slice.track).split(' / ').at(-1)]);
    expect(Object.fromEntries(lanes)).toEqual({
      [traceId(1)]: 'requests 1',
      [traceId(2)]: 'requests 2',
      [traceId(3)]: 'requests 1',
    });
  });

  it('draws siblings that overlap beside each other, never one inside the other', async () => {
    const child = (id: number, name: string, start: number, end: number) => ({ id, parent: 101, name, start, end });
    const shown = await converted([
      request(decoder, [child(110, 'a', 0, 6), child(111, 'b', 1, 3), child(112, 'c', 4, 8), ...one(1, 0).slice(2)]),
    ]);
    const of = (name: string) => drawn(shown).find((line) => line.includes(`: ${name}`));
    expect(of('a')).toMatch(/requests 1: a in worker$/);
    expect(of('b')).toMatch(/requests 1 \/ overlapping: b$/);
    expect(of('c')).toMatch(/requests 1 \/ overlapping: c$/);
  });

  it('draws a child that outlives its parent beside it', async () => {
    const late = { id: 104, parent: 102, name: 'late', start: 4 * MS, end: 6 * MS };
    const shown = await converted([request(decoder, [...one(1, 0), late])]);
    expect(drawn(shown)).toContain('decoder on node-1 / DecodeWorker tid 7 / requests 1 / overlapping: late');
  });

  it('draws a child that begins after its parent ended on its parent’s thread', async () => {
    const late = { id: 104, parent: 102, name: 'late', start: 6 * MS, end: 7 * MS };
    const shown = await converted([request(decoder, [...one(1, 0), late])]);
    expect(drawn(shown)).toContain('decoder on node-1 / DecodeWorker tid 7 / requests 1: late in worker');
  });

  it('nests spans that begin and end in the same tick of a coarse clock below their parents', async () => {
    const same = { start: 0, end: MS };
    const shown = await converted([
      request(decoder, [
        { id: 3, parent: 2, name: 'c', ...same },
        { id: 2, parent: 1, name: 'b', ...same },
        { id: 1, name: 'a', ...same },
      ]),
    ]);
    expect(drawn(shown).map((line) => line.split(': ')[1])).toEqual(['a', 'b in a', 'c in b']);
  });

  it('draws GPU slices on their streams, with flows from their launches, and batches with theirs', async () => {
    const shown = await converted([
      request(decoder, [
        { trace: 9, id: 903, parent: 902, name: 'forward', start: 2 * MS, end: 3 * MS, attributes: onGpu(0) },
        { trace: 9, id: 902, parent: 900, name: 'step', start: 1 * MS, end: 2 * MS },
        { trace: 9, id: 900, name: 'batch', start: 0, end: 4 * MS, attributes: { 'gpuspan.batch.size': 2 } },
        {
          trace: 1,
          id: 105,
          parent: 104,
          name: 'forward copy',
          start: 2 * MS,
          end: 3 * MS,
          attributes: onGpu(0),
          link: [9, 900],
        },
        { trace: 1, id: 104, parent: 101, name: 'step copy', start: 1 * MS, end: 2 * MS, link: [9, 900] },
        ...one(1, 0).slice(2),
      ]),
    ]);
    expect(drawn(shown)).toEqual(
      expect.arrayContaining([
        'decoder on node-1 / GPU 0 stream 0 (simulated): forward',
        'decoder on node-1 / batches / batches 1: batch',
        'decoder on node-1 / batches / batches 1: step in batch',
        'decoder on node-1 / DecodeWorker tid 7 / requests 1: step copy in worker',
        'decoder on node-1 / DecodeWorker tid 7 / requests 1 / GPU: forward copy',
      ]),
    );
    const common = named(shown, 'step').flows.filter((flow) => named(shown, 'forward').flows.includes(flow));
    expect(common).toHaveLength(1);
    for (const copy of ['step copy', 'forward copy']) expect(named(shown, copy).flows).toEqual([]);
  });

  it('connects a slice with the one it links to, and with no other', async () => {
    const next = { id: 104, parent: 101, name: 'next', start: 6 * MS, end: 7 * MS, link: [1, 102] as const };
    const shown = await converted([request(decoder, [next, ...one(1, 0)])]);
    const flows = named(shown, 'next').flows;
    expect(named(shown, 'outer').flows.filter((flow) => flows.includes(flow))).toHaveLength(1);
    expect(named(shown, 'inner').flows.filter((flow) => flows.includes(flow))).toEqual([]);
  });

  it('keeps attributes, events, links, kind and status', async () => {
    const span = {
      ...otlpSpan({ id: 5, parent: 4, name: 'x', end: 9, link: [1, 3] }),
      kind: 2,
      status: { code: 2, message: 'out of memory' },
      attributes: [
        { key: 'text', value: { stringValue: 'ä' } },
        { key: 'count', value: { intValue: '-3' } },
        { key: 'big', value: { intValue: '9007199254740993' } },
        { key: 'share', value: { doubleValue: 0.25 } },
        { key: 'ok', value: { boolValue: true } },
        { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }] } } },
        { key: 'map', value: { kvlistValue: { values: [{ key: 'a', value: { intValue: '1' } }] } } },
        { key: 'bytes', value: { bytesValue: 'AQI=' } },
        { key: 'none', value: {} },
      ],
      events: [
        { name: 'retract', timeUnixNano: String(BASE + 4n), attributes: [{ key: 'kept', value: { intValue: '3' } }] },
      ],
    };
    const shown = await converted([request(decoder, [span])]);
    expect(named(shown, 'x').args).toEqual({
      trace_id: [traceId(1)],
      span_id: [spanId(5)],
      parent_span_id: [spanId(4)],
      'span.kind': ['server'],
      error: ['out of memory'],
      links: [[spanId(3)]],
      text: ['ä'],
      count: [-3],
      big: ['9007199254740993'],
      share: [0.25],
      ok: [true],
      list: [[1, 2]],
      map: ['{"a":1}'],
      bytes: ['AQI='],
      none: [''],
    });
    expect(named(shown, 'x').instants).toEqual([{ name: 'retract', time: BASE + 4n, args: { kept: [3] } }]);
  });

  it('tells processes by service, host, container and pid, and says what is known of each', async () => {
    const pod = (host: string, container: string) =>
      process('decoder', { 'host.id': host, 'container.id': container, 'process.pid': 1 });
    const shown = await converted(
      ['a b', 'a c', 'd b', 'a b'].map((where, index) => {
        const [host, container] = where.split(' ') as [string, string];
        return request(pod(host, container), [{ trace: index + 1, id: index + 1, name: 'request', attributes: level }]);
      }),
    );
    const processes = [...shown.tracks.values()].filter(({ parent }) => parent === undefined);
    expect(processes.map(({ name, pid }) => [name, pid])).toEqual([
      ['decoder on a', 1],
      ['decoder on a', 1],
      ['decoder on d', 1],
    ]);
    const resources = shown.loose.filter(({ name }) => name === 'resource').map(({ args }) => args['container.id']);
    expect(resources.sort()).toEqual([['b'], ['b'], ['c']]);
  });

  it('uses the instance where there is no pid', async () => {
    const replica = (id: string) => process('api', { 'service.instance.id': id }, 'other');
    const shown = await converted([
      request(replica('r1'), [{ trace: 1, id: 1, name: 'a' }]),
      request(replica('r2'), [{ trace: 2, id: 2, name: 'b' }]),
    ]);
    expect(drawn(shown)).toEqual(['api r1 / requests / requests 1: a', 'api r2 / requests / requests 1: b']);
  });

  it('reads several files as one', async () => {
    const spans = one(1, 0);
    const shown = await converted([request(decoder, spans.slice(0, 2))], [request(decoder, spans.slice(2))]);
    expect(drawn(shown)).toContain('decoder on node-1 / DecodeWorker tid 7 / requests 1: inner in outer');
  });
});

describe('spans of SGLang', () => {
  const sglang = process('sglang-custom', {}, 'sglang server');
  const thread = (id: number, label: string, tid: number, start: number, end: number, host = 'aaaa') => ({
    id,
    parent: 1,
    name: `${label} [TP 0] (host:${host}|pid:${tid})`,
    start,
    end,
    attributes: { host_id: host, pid: tid, thread_label: label, tp_rank: 0 },
  });
  const spans = [
    { id: 11, parent: 10, name: 'tokenize', start: 0, end: 2 * MS },
    { id: 12, parent: 10, name: 'dispatch', start: 2 * MS, end: 3 * MS, link: [1, 11] as const },
    thread(10, 'Tokenizer', 100, 0, 3 * MS),
    { id: 21, parent: 20, name: 'request_process', start: 4 * MS, end: 5 * MS, link: [1, 12] as const },
    { id: 22, parent: 23, name: 'decode_loop', start: 6 * MS, end: 7 * MS },
    { id: 23, parent: 20, name: 'decode_forward', start: 5 * MS, end: 8 * MS, link: [1, 21] as const },
    thread(20, 'Scheduler', 100, 4 * MS, 8 * MS, 'bbbb'),
    { id: 1, name: ' Req 0123abcd', start: 0, end: 9 * MS, attributes: { rid: '0123abcd', module: 'sglang::request' } },
  ];

  it('are drawn on their threads, told apart by host, of whatever service', async () => {
    const shown = await converted([request(sglang, spans)]);
    expect(
      drawn(shown)
        .map((line) => line.replace(/\[TP 0\] \(.*?\)/g, '*'))
        .sort(),
    ).toEqual([
      'sglang-custom / requests / requests 1:  Req 0123abcd',
      'sglang-custom on aaaa / Tokenizer tp0 tid 100 / requests 1: Tokenizer *',
      'sglang-custom on aaaa / Tokenizer tp0 tid 100 / requests 1: dispatch in Tokenizer *',
      'sglang-custom on aaaa / Tokenizer tp0 tid 100 / requests 1: tokenize in Tokenizer *',
      'sglang-custom on bbbb / Scheduler tp0 tid 100 / requests 1: Scheduler *',
      'sglang-custom on bbbb / Scheduler tp0 tid 100 / requests 1: decode_forward in Scheduler *',
      'sglang-custom on bbbb / Scheduler tp0 tid 100 / requests 1: decode_loop in decode_forward',
      'sglang-custom on bbbb / Scheduler tp0 tid 100 / requests 1: request_process in Scheduler *',
    ]);
  });

  it('are connected along their links, across threads', async () => {
    const shown = await converted([request(sglang, spans)]);
    const chain = ['tokenize', 'dispatch', 'request_process', 'decode_forward'].map((name) => named(shown, name).flows);
    for (const [index, flows] of chain.slice(1).entries()) {
      expect(flows.filter((flow) => chain[index]!.includes(flow))).toHaveLength(1);
    }
  });

  it('are read from one array, as its tools write it', async () => {
    const array = JSON.stringify([request(sglang, spans), otlpRequest([{ trace: 2, id: 99, name: 'other' }])]);
    expect((await converted(array)).slices).toHaveLength(9);
  });
});
