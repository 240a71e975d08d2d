// SPDX-License-Identifier: Apache-2.0
//
// The collector configurations of deploy/, as far as they can be checked without a collector: they are YAML, pipelines name
// what is defined and nothing is defined in vain, and agent and gateway fit together.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';

type Components = Readonly<Record<string, unknown>>;

interface Pipeline {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

interface Collector {
  readonly receivers: {
    readonly otlp: {
      readonly protocols: Readonly<Record<string, { endpoint: string; max_recv_msg_size_mib?: number }>>;
    };
  };
  readonly processors: Components;
  readonly exporters: Components;
  readonly extensions: Components;
  readonly service: { readonly extensions: readonly string[]; readonly pipelines: Readonly<Record<string, Pipeline>> };
}

const FILES = ['collector-agent.yaml', 'collector-gateway.yaml'];

function read(file: string): Collector {
  const document = parseDocument(readFileSync(join(__dirname, '../../deploy', file), 'utf8'), { strict: true });
  expect(document.errors).toEqual([]);
  expect(document.warnings).toEqual([]);
  return document.toJS() as Collector;
}

const portOf = (endpoint: string) => Number(/:(\d+)$/.exec(endpoint)?.[1]);

describe.each(FILES)('%s', (file) => {
  const collector = read(file);
  const pipelines = Object.values(collector.service.pipelines);

  it.each(['receivers', 'processors', 'exporters'] as const)('names the %s that it defines, all of them', (kind) => {
    const named = new Set(pipelines.flatMap((pipeline) => pipeline[kind]));
    expect([...named].sort()).toEqual(Object.keys(collector[kind]).sort());
  });

  it('names the extensions that it defines', () => {
    expect([...collector.service.extensions].sort()).toEqual(Object.keys(collector.extensions).sort());
  });

  it('limits memory before anything else', () => {
    for (const { processors } of pipelines) expect(processors[0]).toBe('memory_limiter');
  });

  it('takes requests that are larger than gRPC allows by default', () => {
    expect(collector.receivers.otlp.protocols['grpc']!.max_recv_msg_size_mib).toBeGreaterThan(4);
  });

  it('gives every variable a default', () => {
    const text = readFileSync(join(__dirname, '../../deploy', file), 'utf8');
    for (const [variable] of text.matchAll(/\$\{[^}]*\}/g)) expect(variable).toMatch(/^\$\{env:[A-Z_]+:-[^}]+\}$/);
  });
});

describe('agent and gateway', () => {
  const agent = read(FILES[0]!);
  const gateway = read(FILES[1]!);
  const balancing = agent.exporters['load_balancing'] as {
    readonly routing_key: string;
    readonly protocol: { readonly otlp: Components };
    readonly resolver: { readonly dns: { readonly port: number } };
  };

  it('meet at the same port, with whole traces', () => {
    expect(balancing.routing_key).toBe('traceID');
    expect(balancing.resolver.dns.port).toBe(portOf(gateway.receivers.otlp.protocols['grpc']!.endpoint));
    expect(balancing.protocol.otlp).not.toHaveProperty('endpoint');
  });

  it('bound their queues and retry for as long as gpuspan does', () => {
    const outgoing = [balancing.protocol.otlp, gateway.exporters['otlp_grpc/backend'] as Components];
    for (const exporter of outgoing) {
      expect(exporter['sending_queue']).toMatchObject({ enabled: true, queue_size: expect.any(Number) });
      expect(exporter['retry_on_failure']).toMatchObject({ enabled: true, max_elapsed_time: '300s' });
    }
  });

  it('keep what failed and what was slow, by policies that have their own settings', () => {
    const { policies } = gateway.processors['tail_sampling'] as {
      policies: ({ name: string; type: string } & Components)[];
    };
    for (const policy of policies) expect(Object.keys(policy).sort()).toEqual(['name', 'type', policy.type].sort());
    const types = policies.map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    expect(types).toEqual(expect.arrayContaining(['status_code', 'latency', 'probabilistic']));
  });

  it('decide before anything puts spans together anew', () => {
    for (const { processors } of Object.values(gateway.service.pipelines))
      expect(processors.indexOf('batch')).toBeGreaterThan(processors.indexOf('tail_sampling'));
  });
});
