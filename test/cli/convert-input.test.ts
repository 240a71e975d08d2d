// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan convert` with input that is damaged, hostile or none, output that cannot be written, and its exit codes. What
// it does not finish it leaves no trace of.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OutputFile } from '../../dist/cli/convert/output-file';
import { view } from '../perfetto/viewer';
import { writeBigFile } from './big-file';
import { converted } from './converted';
import { fileOf, gpuspan, type MadeSpan, otlpRequest, otlpSpan, temporaryFolder } from './otlp';
import { startProgram } from './program';

const sound = otlpRequest([{ id: 1, name: 'sound', end: 5 }]);
const inFolder = (name = 'out.pftrace') => join(temporaryFolder(), name);

describe('damaged input of gpuspan convert', () => {
  it('is used as far as it is sound, and told on stderr', async () => {
    const text = `${JSON.stringify(sound)}\nno JSON\n{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}\n{"reso`;
    const shown = await converted(text);
    expect(shown.slices).toHaveLength(1);
    expect(shown.stderr).toContain('1 line not JSON, 1 malformed span, it ends too soon, what was complete is used');
    expect(shown.stderr).toContain('line 2: ');
  });

  it('cannot make it fail or write what a viewer cannot read: names, values and times of all kinds', async () => {
    const long = 'x'.repeat(100_000);
    const keys = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, long.slice(0, 10_000)]));
    const spans: MadeSpan[] = [
      { id: 1, name: '' },
      { id: 2, name: long },
      { id: 3, name: '\u0000\u202e\ud800' },
      { id: 4, attributes: { '': 1, [long]: long, __proto__: 3, trace_id: 'mine' } },
      { id: 5, attributes: keys },
      { id: 6, parent: 6, name: 'its own parent' },
      { id: 7, parent: 8, name: 'a', end: 9 },
      { id: 8, parent: 7, name: 'b', end: 9 },
      { id: 9, name: 'one id' },
      { id: 9, name: 'twice', end: 3 },
    ];
    const odd = [
      { ...otlpSpan({ id: 20, name: 'from 1970' }), startTimeUnixNano: '0', endTimeUnixNano: String(2n ** 63n - 1n) },
      { ...otlpSpan({ id: 21 }), events: [{ name: 7, timeUnixNano: '1' }, { timeUnixNano: '18446744073709551616' }] },
      { ...otlpSpan({ id: 22 }), links: [{ traceId: 'x', spanId: 'y' }] },
      { ...otlpSpan({ id: 23 }), status: { code: 2, message: { no: 'text' } } },
    ];
    const request = {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'process.pid', value: { doubleValue: -1.5 } }] },
          scopeSpans: [{ spans: odd }],
        },
      ],
    };
    const shown = await converted([otlpRequest(spans), request]);
    expect(shown.slices.length).toBe(12);
    expect(shown.stderr).toContain('2 malformed spans');
    expect(shown.stderr).toMatch(/values or events cut or left out/);
  });

  it('may nest attributes deep', async () => {
    const deep = '{"kvlistValue":{"values":[{"key":"k","value":'.repeat(5000);
    const close = '}]}}'.repeat(5000);
    const text = JSON.stringify(otlpRequest([{ id: 1, attributes: { a: 1 } }, { id: 2 }]));
    const shown = await converted(
      `${text.replace('{"intValue":"1"}', () => `${deep}{}${close}`)}\n${JSON.stringify(sound)}`,
    );
    expect(shown.slices.length).toBeGreaterThanOrEqual(1);
  });

  it('may have more processes, threads and names than there is room for', async () => {
    const requests = Array.from({ length: 5000 }, (_, i) => {
      const spans = [0, 1, 2, 3, 4].map((k) => ({
        id: 5 * i + k + 1,
        name: `n${i}${k}`,
        attributes: { 'thread.id': 10 * i + k },
      }));
      return otlpRequest(spans, `service ${i}`);
    });
    const shown = await converted(requests);
    expect(shown.slices).toHaveLength(25_000);
    const tops = [...shown.tracks.values()].filter(({ parent }) => parent === undefined);
    expect(tops.length).toBeLessThan(4200);
  });

  it('may overlap more than there is room for: the rest is drawn as instants, and told', async () => {
    const spans = Array.from({ length: 2000 }, (_, i) => ({ id: i + 2, parent: 1, start: i, end: 10_000 + i }));
    const shown = await converted([otlpRequest([{ id: 1, end: 20_000 }, ...spans])]);
    const flattened = 2001 - shown.slices.length;
    expect(flattened).toBeGreaterThan(1000);
    const instants = [...shown.loose, ...shown.slices.flatMap((slice) => slice.instants)];
    expect(instants.filter(({ args }) => args['duration_ns']?.[0] === 10_000)).toHaveLength(flattened);
    expect(shown.stderr).toContain(`${flattened} spans drawn as instants`);
  });
});

describe('the exit code of gpuspan convert', () => {
  it('is 2 for arguments that are not understood, and for an output that is an input', async () => {
    const input = fileOf([sound]);
    const words = [['convert'], ['convert', input], ['convert', '-o', 'x'], ['convert', input, '-o', 'x', '--nope']];
    for (const each of [...words, ['convert', input, '-o', input]]) {
      expect((await gpuspan(...each)).code).toBe(2);
    }
    expect(readFileSync(input, 'utf8')).toBe(`${JSON.stringify(sound)}\n`);
  });

  it('is 3 for input without a span or that cannot be read, and leaves what was there', async () => {
    const inputs = [
      fileOf(''),
      fileOf('{}\n'),
      fileOf('hello\n'),
      fileOf('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}'),
      fileOf(Uint8Array.of(0x1f, 0x8b, 8, 0)),
      fileOf(new Uint8Array(5000)),
      fileOf('[[['.repeat(100_000)),
      temporaryFolder(),
      '/nowhere/at/all',
    ];
    for (const input of inputs) {
      const out = inFolder();
      writeFileSync(out, 'before');
      const { code, stdout, stderr } = await gpuspan('convert', input, '-o', out);
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toContain(input);
      expect(readFileSync(out, 'utf8')).toBe('before');
      expect(readdirSync(join(out, '..'))).toEqual(['out.pftrace']);
    }
  });

  it('is 3 when one of several inputs cannot be read', async () => {
    const out = inFolder();
    expect((await gpuspan('convert', fileOf([sound]), '/nowhere/at/all', '-o', out)).code).toBe(3);
    expect(existsSync(out)).toBe(false);
  });

  it('is 4 for an output that cannot be written, or that is no plain file', async () => {
    for (const out of ['/nowhere/at/all/x', temporaryFolder(), '/dev/null', '/dev/full']) {
      const { code, stdout, stderr } = await gpuspan('convert', fileOf([sound]), '-o', out);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toContain(`${out} cannot be written`);
    }
  });

  it('is 0 for help', async () => {
    const { code, stdout } = await gpuspan('convert', '--help');
    expect([code, stdout]).toEqual([0, expect.stringContaining('--out <file>')]);
  });
});

describe('the output of gpuspan convert', () => {
  it('replaces what was there, behind a link too', async () => {
    const folder = temporaryFolder();
    const [target, link] = [join(folder, 'target'), join(folder, 'link')];
    writeFileSync(target, 'before');
    symlinkSync(target, link);
    expect((await gpuspan('convert', fileOf([sound]), '-o', link)).code).toBe(0);
    expect(view(readFileSync(target)).slices).toHaveLength(1);
    expect(readdirSync(folder).sort()).toEqual(['link', 'target']);
  });

  it('leaves nothing beside it when it cannot be moved to its name', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'out');
    const file = new OutputFile(path);
    file.write(Buffer.from('x'));
    mkdirSync(path);
    expect(() => file.finish()).toThrow('cannot be written');
    file.discard();
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('may be put behind another one: both are one trace', async () => {
    const [a, b] = [inFolder(), inFolder()];
    for (const out of [a, b]) expect((await gpuspan('convert', fileOf([sound]), '-o', out)).code).toBe(0);
    expect(view(Buffer.concat([readFileSync(a), readFileSync(b)])).slices).toHaveLength(2);
  });

  it('is not there when a signal ends it, nor is anything else', async () => {
    const input = join(temporaryFolder(), 'big.jsonl');
    writeBigFile(input, 60_000_000);
    const out = inFolder();
    const program = startProgram(['convert', input, '-o', out, '--progress']);
    await program.waitFor(/gpuspan: \d+ % of/);
    program.child.kill('SIGINT');
    await program.ended;
    expect(program.child.signalCode).toBe('SIGINT');
    expect(readdirSync(join(out, '..'))).toEqual([]);
    expect(statSync(input).size).toBeGreaterThan(50_000_000);
  });
});
