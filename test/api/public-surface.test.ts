// SPDX-License-Identifier: Apache-2.0
//
// The names that users can import, by both kinds of import, pinned: a change here is a change of the API.
import { expect, it } from 'vitest';
import { runProgram } from './child';

const NAMES = [
  'GpuspanError',
  'carrierFromHeader',
  'carrierToHeader',
  'defineEvents',
  'defineStages',
  'levelHandler',
  'start',
];

const MEMBERS = {
  tracer: [
    'adopt',
    'apiAddress',
    'batch',
    'current',
    'enabled',
    'flush',
    'fromPerformance',
    'gpu',
    'level',
    'modules',
    'now',
    'reason',
    'request',
    'setLevel',
    'setModules',
    'shutdown',
    'stats',
    'trace',
  ],
  request: [
    'abort',
    'annotate',
    'annotateGpu',
    'begin',
    'beginGpu',
    'carrier',
    'context',
    'end',
    'endGpu',
    'event',
    'fail',
    'finish',
    'handle',
    'headers',
    'ids',
    'leave',
    'level',
    'next',
    'record',
    'run',
    'setAttributes',
    'setWorkerAttributes',
    'slice',
  ],
  batch: [
    'annotate',
    'annotateGpu',
    'begin',
    'beginGpu',
    'end',
    'endGpu',
    'endSlice',
    'event',
    'fail',
    'handle',
    'level',
    'next',
    'record',
    'setAttributes',
    'slice',
  ],
  gpu: ['description', 'reason', 'source', 'stream'],
  stage: ['level', 'module', 'name', 'wrap'],
};

it('has the pinned names, and their members', async () => {
  const program = `
    import { readFileSync } from 'node:fs';
    import * as entry from 'gpuspan';
    const tracer = entry.start();
    const { stage } = entry.defineStages('surface', { stage: { level: 1 } });
    const objects = { tracer, request: tracer.request(), batch: tracer.batch([]), gpu: tracer.gpu(), stage };
    const files = { tracer: 'tracer', request: 'request', batch: 'batch', gpu: 'gpu', stage: 'stage' };
    const members = {};
    for (const [name, object] of Object.entries(objects)) {
      // What the declarations show is what users see: no private or internal member.
      const text = readFileSync('dist/' + files[name] + '.d.ts', 'utf8');
      const body = text.split('export declare class ' + object.constructor.name + ' {')[1].split('\\n}')[0];
      const found = body.matchAll(/^    (?!private|protected|\\*|constructor)(?:readonly |get )?([a-zA-Z]+)/gm);
      members[name] = [...new Set([...found].map((match) => match[1]))].sort();
      for (const member of members[name]) if (!(member in object)) throw new Error(name + ' lacks ' + member);
    }
    print({ names: Object.keys(entry).sort(), members });
  `;
  const { output, stderr } = await runProgram(program);
  expect(stderr).toBe('');
  expect(output).toEqual({ names: NAMES, members: MEMBERS });
});

it('is one tracer and one set of classes for import and require', async () => {
  const program = `
    import { createRequire } from 'node:module';
    import * as esm from 'gpuspan';
    const cjs = createRequire(import.meta.url)('gpuspan');
    const same = Object.keys(esm).every((name) => esm[name] === cjs[name]);
    print([same, Object.keys(cjs).length === Object.keys(esm).length, esm.start() === cjs.start(), esm.start().enabled]);
  `;
  for (const [env, enabled] of [
    [{}, false],
    [{ GPUSPAN: '1', OTEL_TRACES_EXPORTER: 'none' }, true],
  ] as const) {
    const { output, stderr } = await runProgram(program, env);
    expect(stderr).toBe('');
    expect(output).toEqual([true, true, true, enabled]);
  }
});
