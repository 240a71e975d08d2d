// SPDX-License-Identifier: Apache-2.0
//
// Perfetto traces as input: what `gpuspan convert` wrote and what a process wrote as it ran (GPUSPAN_FILE) say the same as
// the spans do, and damaged ones are used as far as they are sound.
import { spawn } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { OtlpJsonFile, type ReceivedSpan, startReceiver } from 'gpuspan/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readOtlpFile } from '../../dist/cli/input/otlp-file';
import { PerfettoTrace } from '../../dist/cli/input/perfetto-trace';
import { fileProblems } from '../../dist/cli/report/file-problems';
import { traceOf } from '../perfetto/trace-fixture';
import { build, member, record } from '../spans/random-segments';
import { nanos, pipelineOver } from '../spans/span-fixture';
import { writeBigFile } from './big-file';
import { fileOf, gpuspan, otlpRequest, temporaryFolder } from './otlp';

const PATIENCE_MILLIS = 300_000;

async function jsonOf(...paths: string[]) {
  const { code, stdout } = await gpuspan('report', '--json', ...paths);
  expect(code).toBe(0);
  const { files, ...report } = JSON.parse(stdout);
  return { files, report };
}

async function read(content: Uint8Array) {
  const spans: ReceivedSpan[] = [];
  const account = await readOtlpFile(fileOf(content), { onSpan: (span) => spans.push(span) });
  return { spans, account };
}

/** Through the trace reader alone, cut into chunks of `size` bytes. */
function readBytes(bytes: Buffer, size: number): { spans: number; badSpans: number } {
  const seen = { spans: 0, badSpans: 0 };
  const reader = new PerfettoTrace({
    span: () => seen.spans++,
    badSpan: () => seen.badSpans++,
    leftOut: () => {},
    beyondTracks: () => {},
    note: () => {},
    truncated: () => {},
  });
  for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
  reader.end();
  return seen;
}

async function convertedFile(input: string): Promise<string> {
  const out = join(temporaryFolder(), 'out.pftrace');
  expect((await gpuspan('convert', input, '-o', out)).code).toBe(0);
  return out;
}

/** A run that wrote the same records as OTLP and as a trace. */
async function tracedRun(): Promise<{ spans: string; trace: string }> {
  const folder = temporaryFolder();
  const [spans, trace] = [join(folder, 'spans.jsonl'), join(folder, 'run.pftrace')];
  const file = new OtlpJsonFile(spans);
  const receiver = await startReceiver({ onExport: file.write });
  onTestFinished(() => receiver.close());
  const env = {
    PATH: process.env['PATH'],
    GPUSPAN: '1',
    GPUSPAN_FILE: trace,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  };
  const child = spawn(process.execPath, [join(__dirname, 'scripts/traced-run.cjs')], { env, stdio: 'inherit' });
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  file.close();
  return { spans, trace };
}

describe('a trace that gpuspan convert wrote', () => {
  it('is reported as the spans are, in every figure', async () => {
    const input = join(temporaryFolder(), 'spans.jsonl');
    writeBigFile(input, 2_000_000);
    const { report, files } = await jsonOf(await convertedFile(input));
    const { report: expected, files: plain } = await jsonOf(input);
    expect(report).toEqual(expected);
    expect(files[0]).toMatchObject({ spans: plain[0].spans, badSpans: 0, truncated: false });
  });

  it('is known by its content, whatever it is called, and can be converted with others again', async () => {
    const trace = await convertedFile(fileOf([otlpRequest([{ id: 1, name: 'one' }])]));
    const renamed = join(temporaryFolder(), 'spans.json');
    renameSync(trace, renamed);
    const both = join(temporaryFolder(), 'both.pftrace');
    expect((await gpuspan('convert', renamed, fileOf([otlpRequest([{ id: 2 }])]), '-o', both)).code).toBe(0);
    expect((await jsonOf(both)).report).toMatchObject({ spans: 2 });
  });

  it('gives back ids, attributes, links, events, status, scope and resource', async () => {
    const span = {
      traceId: 'ab'.repeat(16),
      spanId: 'cd'.repeat(8),
      parentSpanId: 'ef'.repeat(8),
      name: 'x',
      kind: 2,
      startTimeUnixNano: '5',
      endTimeUnixNano: '1700000000000000001',
      attributes: [
        { key: 'big', value: { intValue: '9007199254740993' } },
        { key: 'negative', value: { intValue: '-3' } },
        { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { boolValue: true }] } } },
        { key: '__proto__', value: { stringValue: 'kept' } },
      ],
      events: [{ name: 'e', timeUnixNano: '7', attributes: [{ key: 'k', value: { doubleValue: 0.5 } }] }],
      links: [
        { traceId: 'ab'.repeat(16), spanId: '12'.repeat(8) },
        { traceId: '34'.repeat(16), spanId: '56'.repeat(8) },
      ],
      status: { code: 2, message: 'no' },
    };
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] };
    const requests = [{ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'lib' }, spans: [span] }] }] }];
    const plain: ReceivedSpan[] = [];
    await readOtlpFile(fileOf(requests), { onSpan: (one) => plain.push(one) });
    const { spans } = await read(readFileSync(await convertedFile(fileOf(requests))));
    expect(spans.map((one) => ({ ...one, attributes: { ...one.attributes } }))).toEqual(
      plain.map((one) => ({ ...one, attributes: { ...one.attributes } })),
    );
    expect(Object.getPrototypeOf(spans[0]!.attributes)).toBe(Object.prototype);
  });
});

describe('a trace that a process wrote as it ran', () => {
  it('is reported as its spans are: the same stages, requests, batches and losses', async () => {
    const { spans, trace } = await tracedRun();
    const { report } = await jsonOf(trace);
    const { report: expected } = await jsonOf(spans);
    const { stages, requests, batches, losses, flags } = expected;
    expect(report).toMatchObject({ requests, batches, losses, flags });
    const byName = (list: { name: string }[]) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(report.stages)).toEqual(byName(stages));
    expect(stages.map(({ name }: { name: string }) => name).sort()).toEqual([
      'decode_loop',
      'forward',
      'step',
      'tokenize',
    ]);
    expect(report.requests).toMatchObject({ count: 30, errors: 1 });
  });

  it('has each record once, at its exact times, in its trace', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.array(member, { maxLength: 20 }),
        async (records, members) => {
          const segment = build(records, members);
          const expected = (pipelineOver(segment, -1).read(100_000)?.spans ?? []).map(
            (span) =>
              `${span.name} ${nanos(span.startTime)} ${nanos(span.endTime)} ${'gpu.time.source' in span.attributes}`,
          );
          const { spans, account } = await read(traceOf(segment));
          const shown = spans.map(
            (span) =>
              `${span.name} ${span.startTimeUnixNano} ${span.endTimeUnixNano} ${'gpu.time.source' in span.attributes}`,
          );
          expect(shown.sort()).toEqual(expected.sort());
          expect(account).toMatchObject({ badSpans: 0, truncated: false, notes: [] });
        },
      ),
      { numRuns: 300 },
    );
  }, 300_000);
});

describe('a damaged trace', () => {
  const whole = async () =>
    readFileSync(
      await convertedFile(fileOf([otlpRequest(Array.from({ length: 5 }, (_, i) => ({ id: i + 1, end: i })))])),
    );

  it('is used up to where it was cut, wherever that is, however its bytes arrive', async () => {
    const bytes = await whole();
    for (const chunk of [7, 100_000]) {
      let most = 0;
      for (let length = 1; length <= bytes.length; length++) {
        const { spans, badSpans } = readBytes(bytes.subarray(0, length), chunk);
        expect(spans).toBeGreaterThanOrEqual(most);
        expect(badSpans).toBe(0);
        most = spans;
      }
      expect(most).toBe(5);
    }
  });

  it(
    'never makes the reader fail or hang, whatever bytes are changed',
    async () => {
      const bytes = await whole();
      const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
          const damaged = Buffer.from(bytes);
          for (const [at, byte] of changes) damaged[at] = byte;
          expect(readBytes(damaged, 100_000).spans).toBeLessThanOrEqual(6);
        }),
        { numRuns: 3000 },
      );
    },
    PATIENCE_MILLIS,
  );

  it('is told: what is no packet, lengths beyond all sense, numbers without end, arguments in arguments', async () => {
    const bytes = await whole();
    const behind = async (...tail: number[]) => (await read(Buffer.concat([bytes, Buffer.from(tail)]))).account;
    expect(await behind(0x7f)).toMatchObject({
      spans: 5,
      truncated: true,
      notes: [expect.stringContaining('byte 127')],
    });
    expect(await behind(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)).toMatchObject({ spans: 5, truncated: true });
    expect(await behind(0x0a, ...new Array(12).fill(0xff))).toMatchObject({ spans: 5, truncated: true });
    expect(await behind(0x0a, 0x02, 0x40, 0xff)).toMatchObject({ spans: 5, badSpans: 1, truncated: false });
    let nested: Buffer = Buffer.from([0x12, 0x00]);
    for (let depth = 0; depth < 100; depth++) nested = field(12, nested);
    const deep = field(1, Buffer.concat([field(11, field(4, nested))]));
    expect(await behind(...deep)).toMatchObject({ spans: 5, badSpans: 1 });
  });

  it('is not to blame for what whoever takes its spans throws', async () => {
    const bytes = await whole();
    const [note, badSpan] = [vi.fn(), vi.fn()];
    const span = () => {
      throw new RangeError('of the taker');
    };
    const reader = new PerfettoTrace({
      span,
      badSpan,
      note,
      leftOut: () => {},
      beyondTracks: () => {},
      truncated: () => {},
    });
    expect(() => reader.write(bytes)).toThrow('of the taker');
    expect([note.mock.calls, badSpan.mock.calls]).toEqual([[], []]);
  });

  it('tells slices beyond those that may be open apart from malformed ones', async () => {
    const event = (type: number) => field(1, field(11, Buffer.from([0x48, type, 0x58, 1])));
    const begun = Array.from({ length: 10_003 }, () => event(1));
    const { account } = await read(Buffer.concat([...begun, event(2), event(2), event(2), event(2)]));
    expect(account).toMatchObject({ spans: 1, leftOut: 3, badSpans: 0, truncated: true });
    expect(fileProblems(account)[0]).toBe('3 slices left out: too many are open at a time');
  });

  it('tells events on tracks beyond the limit apart from malformed ones, in every form of the report', async () => {
    const MAX_TRACKS = 200_000;
    const event = (type: number, track: number) =>
      field(
        1,
        field(11, Buffer.from([0x48, type, 0x58, ...[0, 7, 14].map((bits) => ((track >> bits) & 0x7f) | 0x80), 0])),
      );
    const [begin, end, instant] = [1, 2, 3];
    const tracks = Array.from({ length: MAX_TRACKS }, (_, track) => event(instant, track));
    const beyond = [begin, instant, end].map((type) => event(type, MAX_TRACKS));
    const path = fileOf(Buffer.concat([...tracks, event(begin, 7), ...beyond, event(end, 7)]));
    const problem = '3 events left out: on tracks beyond the first 200000';
    const page = join(temporaryFolder(), 'report.html');
    const { stdout } = await gpuspan('report', path, '--html', page);
    expect(stdout.split('\n')[0]).toBe(`${path}: 1 span, ${problem}`);
    expect(readFileSync(page, 'utf8')).toContain(`"problems":["${problem}"]`);
    const { files } = await jsonOf(path);
    expect(files).toEqual([expect.objectContaining({ spans: 1, beyondTracks: 3, badSpans: 0, truncated: false })]);
    const { stderr } = await gpuspan('convert', path, '-o', join(temporaryFolder(), 'out.pftrace'));
    expect(stderr).toContain(problem);
    const without = await gpuspan('report', fileOf(Buffer.concat([...tracks, ...beyond])));
    expect([without.code, without.stderr]).toEqual([3, expect.stringContaining(`(${problem})`)]);
  });

  it('ends the command with 3 when it has no span, and tells why', async () => {
    for (const junk of [
      Buffer.from([0x0a, 0x03, 1, 2, 3]),
      Buffer.concat([Buffer.from([0x0a]), Buffer.alloc(5000, 1)]),
    ]) {
      const { code, stderr } = await gpuspan('report', fileOf(junk));
      expect([code, stderr]).toEqual([3, expect.stringContaining('packet 1')]);
    }
  });

  it('may begin as text does: JSON behind an empty line stays JSON', async () => {
    const path = fileOf(`\n${JSON.stringify(otlpRequest([{ id: 1 }]))}\n`);
    expect((await jsonOf(path)).report).toMatchObject({ spans: 1 });
  });
});

/** A field of bytes shorter than 2^14. */
function field(number: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [(content.length & 0x7f) | 0x80, content.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
}
