// SPDX-License-Identifier: Apache-2.0
//
// The stage catalogue: complete, with SGLang's names and levels, the same as its table, and cheap to import.
import * as catalogue from 'gpuspan/stages';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../api/child';

/** Stages and levels of the reference system; where it gives no level, what is recorded always is 1 here. */
const SGLANG = {
  request: {
    ...{ tokenize: 1, api_server_dispatch: 2, dpc_dispatch: 2, request_process: 2, quick_finish: 1, run_batch_cpu: 4 },
    ...{ prefill_waiting: 1, prefill_forward: 1, chunked_prefill: 3, decode_waiting: 1, decode_forward: 1 },
    ...{ decode_loop: 3, prefill_prepare: 1, prefill_bootstrap: 1, prefill_transfer_kv_cache: 1, decode_prepare: 1 },
    ...{ decode_bootstrap: 1, decode_transferred: 1, fake_output: 3, spec_draft: 2, spec_verify: 2 },
    ...{ spec_draft_extend: 3, schedule: 3, retract: 1 },
  },
  mooncake: {
    ...{ mooncake_send: 1, mooncake_recv: 1, mooncake_worker_send: 1, mooncake_worker_send_session: 2 },
    mooncake_worker_recv: 1,
  },
  hicache: {
    ...{ hicache_l3_backup_enqueue: 1, hicache_l3_prefetch_enqueue: 1, hicache_l3_backup: 1 },
    ...{ hicache_l3_prefetch_query: 1, hicache_l3_prefetch_transfer: 1 },
  },
  diffusion: { scheduler_dispatch: 1, gpu_forward: 2 },
};

const UNTRACED_ELSEWHERE = ['detokenize', 'stream_write', 'stream_drain', 'client_abort', 'retract_wait', 'model_load'];

const { CATALOGUE, genAiAttributes: _, ...groups } = catalogue;

describe('the stage catalogue', () => {
  it("has every stage and event of SGLang's, with its level, in its module", () => {
    const found: Record<string, Record<string, number>> = {};
    for (const { module, name, level, sglang } of CATALOGUE) {
      if (sglang === undefined) continue;
      expect(sglang).toBe(name);
      found[module] ??= {};
      found[module][name] = level;
    }
    for (const [module, levels] of Object.entries(SGLANG)) expect(found[module]).toMatchObject(levels);
    expect(Object.keys(found).sort()).toEqual(Object.keys(SGLANG).sort());
  });

  it('has what nobody else traces', () => {
    const untraced = CATALOGUE.filter(({ sglang }) => sglang === undefined).map(({ name }) => name);
    expect(untraced).toEqual(expect.arrayContaining(UNTRACED_ELSEWHERE));
  });

  it('declares what its table says, no more and no less', () => {
    const declared = Object.entries(groups).flatMap(([group, members]) =>
      Object.values(members).map(({ module, name, level }) => ({ group, module, name, level })),
    );
    const byName = (a: { name: string; module: string }, b: { name: string; module: string }) =>
      a.name.localeCompare(b.name) || a.module.localeCompare(b.module);
    const table = CATALOGUE.map(({ group, module, name, level }) => ({ group, module, name, level }));
    expect(declared.sort(byName)).toEqual(table.sort(byName));
    for (const [group, members] of Object.entries(groups))
      for (const [key, { name }] of Object.entries(members)) expect([group, key]).toEqual([group, name]);
  });

  it('names each stage of a module once, and gives it one sentence', () => {
    const names = CATALOGUE.map(({ kind, module, name }) => `${kind} ${module}.${name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { meaning } of CATALOGUE) expect(meaning).toMatch(/^[A-Z][^.|]*\.$/);
  });
});

describe('an import of gpuspan/stages', () => {
  it('gives the stages that defineStages gives, whichever way both are imported', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import { defineEvents, defineStages } from 'gpuspan';
      import * as esm from 'gpuspan/stages';
      const cjs = createRequire(import.meta.url)('gpuspan/stages');
      const own = defineStages('request', { tokenize: { level: 1 } });
      const retract = defineEvents('request', { retract: { level: 1 } }).retract;
      print([
        Object.keys(esm).sort(),
        Object.keys(esm).every((name) => esm[name] === cjs[name]),
        own.tokenize === esm.request.tokenize,
        retract === esm.events.retract,
      ]);
    `;
    const { output, stderr } = await runProgram(program);
    expect(stderr).toBe('');
    expect(output).toEqual([[...Object.keys(groups), 'CATALOGUE', 'genAiAttributes'].sort(), true, true, true]);
  });

  it('loads no addon, no OpenTelemetry and nothing that delivers', async () => {
    const program = `
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      require('gpuspan/stages');
      print(Object.keys(require.cache));
    `;
    const { output } = await runProgram(program, { GPUSPAN: '1' });
    const files = output as string[];
    expect(files.some((file) => file.endsWith('dist/stages/index.js'))).toBe(true);
    expect(files.filter((file) => /\.node$|node_modules|dist\/(sinks|spans|otel|tracer)/.test(file))).toEqual([]);
  });
});
