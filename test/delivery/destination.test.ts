// SPDX-License-Identifier: Apache-2.0
//
// What OpenTelemetry's variables make of delivery: destination, warnings, resource.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Environment, findDestination } from '../../lib/otel/destination';
import { createResource, SCOPE } from '../../lib/otel/resource';

function find(environment: Environment, isInstalled = (): boolean => true) {
  const warnings: string[] = [];
  const destination = findDestination(environment, (message) => warnings.push(message), isInstalled);
  return { destination, warnings };
}

const LOCAL = 'http://localhost:4318';

describe('the destination', () => {
  it.each<[string, Environment, string]>([
    ['the general endpoint with the path of traces', { OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL }, `${LOCAL}/v1/traces`],
    [
      'the general endpoint below its own path',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:1/otlp/' },
      'http://h:1/otlp/v1/traces',
    ],
    ['the endpoint of traces as it is', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://h:1/t' }, 'http://h:1/t'],
    [
      'the endpoint of traces before the general one',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://h:1/t', OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL },
      'http://h:1/t',
    ],
    ['the default endpoint when the exporter is asked for', { OTEL_TRACES_EXPORTER: 'otlp' }, `${LOCAL}/v1/traces`],
    [
      'an endpoint named without its credentials',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:secret@h:1' },
      'https://h:1/v1/traces',
    ],
  ])('is %s', (_, environment, endpoint) => {
    expect(find(environment)).toEqual({
      destination: { kind: 'otlp', protocol: 'http/protobuf', endpoint },
      warnings: [],
    });
  });

  it('is nowhere when nothing is set or what is set is empty', () => {
    expect(find({})).toEqual({ destination: { kind: 'nowhere' }, warnings: [] });
    expect(find({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ', OTEL_TRACES_EXPORTER: '' }).destination).toEqual({
      kind: 'nowhere',
    });
  });

  it('is none by request, without a warning, whatever endpoint is set', () => {
    const environment = { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL };
    expect(find(environment)).toEqual({ destination: { kind: 'none' }, warnings: [] });
  });

  it('warns once about an exporter of another name and goes by the endpoint', () => {
    const { destination, warnings } = find({
      OTEL_TRACES_EXPORTER: 'zipkin,console',
      OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL,
    });
    expect(destination.kind).toBe('otlp');
    expect(warnings).toEqual([
      'OTEL_TRACES_EXPORTER: zipkin, console is not supported and ignored; this version exports OTLP',
    ]);
  });

  it.each(['http/protobuf', 'http/json', 'grpc'] as const)(
    'is reached by %s where the variables say so',
    (protocol) => {
      const general = { OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
      const endpoint = protocol === 'grpc' ? LOCAL : `${LOCAL}/v1/traces`;
      const expected = { destination: { kind: 'otlp', protocol, endpoint }, warnings: [] };
      expect(find(general)).toEqual(expected);
      const specific = { ...general, OTEL_EXPORTER_OTLP_PROTOCOL: 'x', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol };
      expect(find(specific)).toEqual(expected);
    },
  );

  it('warns once about a protocol that does not exist and uses http/protobuf', () => {
    const { destination, warnings } = find({
      OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'thrift',
    });
    expect(destination).toMatchObject({ protocol: 'http/protobuf' });
    expect(warnings).toEqual([
      'OTEL_EXPORTER_OTLP_PROTOCOL=thrift is not http/protobuf, http/json or grpc; using http/protobuf',
    ]);
  });

  it.each([
    ['http://h:1', 'http://h:1'],
    ['https://h', 'https://h'],
    ['collector:4317', 'collector:4317'],
    ['[::1]:4317', '[::1]:4317'],
    ['unix:///run/otel.sock', 'unix:///run/otel.sock'],
  ])('of grpc may be %s', (text, endpoint) => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: text, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(find(environment)).toEqual({ destination: { kind: 'otlp', protocol: 'grpc', endpoint }, warnings: [] });
  });

  it('of grpc has no path, which is said once', () => {
    const { destination, warnings } = find({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://h:4317/v1/traces',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    expect(destination).toMatchObject({ endpoint: 'http://h:4317' });
    expect(warnings).toEqual([
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://h:4317/v1/traces: grpc has no paths; /v1/traces is ignored',
    ]);
  });

  it('is nowhere when grpc is asked for and its package is not installed, which is said with the remedy', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    expect(find(environment, () => false)).toEqual({
      destination: { kind: 'nowhere' },
      warnings: [
        'OTLP over grpc needs a package that is not installed: npm install @opentelemetry/exporter-trace-otlp-grpc',
      ],
    });
  });

  it.each([
    ['TIMEOUT', 'soon', 'a number of milliseconds above 0; using 10000'],
    ['TRACES_TIMEOUT', '0', 'a number of milliseconds above 0; using 10000'],
    ['TIMEOUT', '-5', 'a number of milliseconds above 0; using 10000'],
    ['TIMEOUT', 'Infinity', 'a number of milliseconds above 0; using 10000'],
    ['COMPRESSION', 'zstd', 'none or gzip; using none'],
    ['TRACES_COMPRESSION', 'GZIP', 'none or gzip; using none'],
  ])('warns once of OTEL_EXPORTER_OTLP_%s=%s, which the exporter would ignore in silence', (name, text, rest) => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL, [`OTEL_EXPORTER_OTLP_${name}`]: text };
    const { destination, warnings } = find(environment);
    expect(destination.kind).toBe('otlp');
    expect(warnings).toEqual([`OTEL_EXPORTER_OTLP_${name}=${text} is not ${rest}`]);
  });

  it('names the general variable that is used instead of a bad one for traces, and says nothing of good ones', () => {
    const general = {
      OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL,
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
      OTEL_EXPORTER_OTLP_COMPRESSION: ' gzip ',
    };
    expect(find(general).warnings).toEqual([]);
    expect(find({ ...general, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: 'x' }).warnings).toEqual([
      'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=x is not a number of milliseconds above 0; using OTEL_EXPORTER_OTLP_TIMEOUT',
    ]);
    expect(find({ OTEL_EXPORTER_OTLP_TIMEOUT: 'x' }).warnings).toEqual([]);
  });

  it.each([
    ['not a url', ''],
    ['localhost:4318', ' (write http://localhost:4318 or https://localhost:4318)'],
    ['[::1]:4318/v1/traces', ' (write http://[::1]:4318/v1/traces or https://[::1]:4318/v1/traces)'],
    ['ftp://h:1', ''],
  ])('warns about an endpoint that is no http URL, with a remedy, and takes it for unset: %s', (text, remedy) => {
    const { destination, warnings } = find({ OTEL_EXPORTER_OTLP_ENDPOINT: text });
    expect(destination).toEqual({ kind: 'nowhere' });
    expect(warnings).toEqual([
      `OTEL_EXPORTER_OTLP_ENDPOINT=${text} is not an http or https URL; it is ignored${remedy}`,
    ]);
  });

  it('is warned about without the credentials it may hold', () => {
    const { warnings } = find({ OTEL_EXPORTER_OTLP_ENDPOINT: 'user:se@cret@host:4318' });
    expect(warnings).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT=...@host:4318 is not an http or https URL; it is ignored']);
  });

  it('is the general endpoint when that of traces is no URL', () => {
    const { destination, warnings } = find({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'nowhere',
      OTEL_EXPORTER_OTLP_ENDPOINT: LOCAL,
    });
    expect(destination).toMatchObject({ kind: 'otlp', endpoint: `${LOCAL}/v1/traces` });
    expect(warnings).toHaveLength(1);
  });
});

describe('the resource', () => {
  const warnings: string[] = [];
  const attributes = (options: Parameters<typeof createResource>[0]) =>
    createResource(options, (message) => warnings.push(message)).attributes;

  afterEach(() => {
    vi.unstubAllEnvs();
    warnings.length = 0;
  });

  it('describes the process and names itself as the SDK', () => {
    expect(attributes({})).toMatchObject({
      'service.name': 'unknown_service:node',
      'process.pid': process.pid,
      'process.runtime.name': 'nodejs',
      'process.runtime.version': process.versions.node,
      'telemetry.sdk.name': 'gpuspan',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': SCOPE.version,
      'host.name': expect.any(String),
      'host.id': expect.stringMatching(/./),
    });
  });

  it('prefers options to OTEL_SERVICE_NAME, and that to OTEL_RESOURCE_ATTRIBUTES', () => {
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'service.name=from-list,region=eu%2C1,host.name=h');
    expect(attributes({})).toMatchObject({ 'service.name': 'from-list', region: 'eu,1', 'host.name': 'h' });
    vi.stubEnv('OTEL_SERVICE_NAME', 'from-name');
    expect(attributes({})['service.name']).toBe('from-name');
    const given = attributes({ serviceName: 'given', resourceAttributes: { region: 'us', rank: 3 } });
    expect(given).toMatchObject({ 'service.name': 'given', region: 'us', rank: 3 });
    expect(warnings).toEqual([]);
  });

  it('takes host.id as configured, in code before the variable', () => {
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'host.id=from-list');
    expect(attributes({})['host.id']).toBe('from-list');
    expect(attributes({ resourceAttributes: { 'host.id': 'given' } })['host.id']).toBe('given');
  });

  it('warns about a list of attributes that cannot be read', () => {
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'region');
    attributes({});
    expect(warnings).toEqual(['OTEL_RESOURCE_ATTRIBUTES=region is not a list of key=value pairs; it is ignored']);
  });
});
