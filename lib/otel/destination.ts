// SPDX-License-Identifier: Apache-2.0
//
// Where spans go by OpenTelemetry's variables alone, and in which protocol. Called in start(), on the application's
// thread; it loads nothing. What cannot be understood is one warning that says what is done instead.

export type Environment = Readonly<Record<string, string | undefined>>;
export type Protocol = 'http/protobuf' | 'http/json' | 'grpc';
type Warn = (message: string) => void;

/** `otlp` to an endpoint, `none` by request, `nowhere` by omission. */
export type Destination =
  | { readonly kind: 'otlp'; readonly protocol: Protocol; readonly endpoint: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'nowhere' };

/** The package that speaks gRPC; applications that want it install it. */
export const GRPC_PACKAGE = '@opentelemetry/exporter-trace-otlp-grpc';

const OTLP = 'OTEL_EXPORTER_OTLP_';
const TRACES_ENDPOINT = `${OTLP}TRACES_ENDPOINT`;
const GENERAL_ENDPOINT = `${OTLP}ENDPOINT`;
const PROTOCOLS: readonly string[] = ['http/protobuf', 'http/json', 'grpc'] satisfies Protocol[];
const DEFAULT_HTTP = 'http://localhost:4318/v1/traces';
const DEFAULT_GRPC = 'http://localhost:4317';
// The exporter takes the default without a word that anyone sees.
const TRANSFER = [
  {
    names: [`${OTLP}TRACES_TIMEOUT`, `${OTLP}TIMEOUT`],
    accepts: (text: string) => Number.isFinite(Number(text)) && Number(text) > 0,
    range: 'a number of milliseconds above 0',
    fallback: '10000',
  },
  {
    names: [`${OTLP}TRACES_COMPRESSION`, `${OTLP}COMPRESSION`],
    accepts: (text: string) => text === 'none' || text === 'gzip',
    range: 'none or gzip',
    fallback: 'none',
  },
  {
    names: [`${OTLP}TRACES_PROTOCOL`, `${OTLP}PROTOCOL`],
    accepts: (text: string) => PROTOCOLS.includes(text),
    range: 'http/protobuf, http/json or grpc',
    fallback: 'http/protobuf',
  },
];

/**
 * What the variables ask for. An exporter of another name, an endpoint that the protocol has no use for, or a protocol,
 * timeout or compression that does not exist is one warning and then treated as unset. localhost is never assumed: an
 * OTLP endpoint or `OTEL_TRACES_EXPORTER=otlp` must say so. `isInstalled`: whether a package can be loaded.
 */
export function findDestination(
  environment: Environment,
  warn: Warn,
  isInstalled: (name: string) => boolean = canResolve,
): Destination {
  const chosen = chosenExporter(environment, warn);
  if (chosen === 'none') return { kind: 'none' };
  const protocol = protocolOf(environment);
  const endpoint = configuredEndpoint(environment, protocol, warn);
  if (endpoint === undefined && chosen !== 'otlp') return { kind: 'nowhere' };
  warnAboutTransfer(environment, warn);
  if (protocol === 'grpc' && !isInstalled(GRPC_PACKAGE)) {
    warn(`OTLP over grpc needs a package that is not installed: npm install ${GRPC_PACKAGE}`);
    return { kind: 'nowhere' };
  }
  return { kind: 'otlp', protocol, endpoint: endpoint ?? (protocol === 'grpc' ? DEFAULT_GRPC : DEFAULT_HTTP) };
}

/** Takes the endpoints that `findDestination` ignores out of an environment that the exporter will read. */
export function removeRefused(environment: NodeJS.ProcessEnv, protocol: Protocol): void {
  for (const name of [TRACES_ENDPOINT, GENERAL_ENDPOINT]) {
    const text = value(environment, name);
    if (text !== undefined && parse(text, protocol) === undefined) delete environment[name];
  }
}

function canResolve(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

// Empty counts as unset, as everywhere in OpenTelemetry.
function value(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === undefined || text === '' ? undefined : text;
}

function chosenExporter(environment: Environment, warn: Warn): 'otlp' | 'none' | undefined {
  const text = value(environment, 'OTEL_TRACES_EXPORTER');
  if (text === undefined) return undefined;
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => name !== 'otlp' && name !== 'none');
  if (unknown.length > 0)
    warn(`OTEL_TRACES_EXPORTER: ${unknown.join(', ')} is not supported and ignored; this version exports OTLP`);
  if (names.includes('otlp')) return 'otlp';
  return names.includes('none') ? 'none' : undefined;
}

function protocolOf(environment: Environment): Protocol {
  const set = [`${OTLP}TRACES_PROTOCOL`, `${OTLP}PROTOCOL`].map((name) => value(environment, name));
  const known = set.find((text) => text !== undefined && PROTOCOLS.includes(text));
  return (known as Protocol | undefined) ?? 'http/protobuf';
}

function configuredEndpoint(environment: Environment, protocol: Protocol, warn: Warn): string | undefined {
  const path = protocol === 'grpc' ? '' : 'v1/traces';
  return (
    readable(TRACES_ENDPOINT, value(environment, TRACES_ENDPOINT), '', protocol, warn) ??
    readable(GENERAL_ENDPOINT, value(environment, GENERAL_ENDPOINT), path, protocol, warn)
  );
}

// For messages, so without the credentials a URL may hold.
function readable(
  name: string,
  text: string | undefined,
  path: string,
  protocol: Protocol,
  warn: Warn,
): string | undefined {
  if (text === undefined) return undefined;
  const url = parse(text, protocol);
  if (url === undefined) {
    warn(`${name}=${withoutCredentials(text)} is not ${rangeOf(protocol)}; it is ignored${remedy(text, protocol)}`);
    return undefined;
  }
  url.username = url.password = '';
  if (protocol === 'grpc') return grpcEndpoint(name, text, url, warn);
  if (path !== '') url.pathname = url.pathname.replace(/\/?$/, `/${path}`);
  return url.href;
}

function grpcEndpoint(name: string, text: string, url: URL, warn: Warn): string {
  if (url.protocol === 'unix:') return text;
  if (url.pathname !== '/' || url.search !== '')
    warn(`${name}=${withoutCredentials(text)}: grpc has no paths; ${url.pathname}${url.search} is ignored`);
  return hasScheme(text) ? `${url.protocol}//${url.host}` : url.host;
}

function withoutCredentials(text: string): string {
  return text.replace(/^.*@/s, '...@');
}

function rangeOf(protocol: Protocol): string {
  return protocol === 'grpc' ? 'an http or https URL or host:port' : 'an http or https URL';
}

function remedy(text: string, protocol: Protocol): string {
  const isHost = /^[\w.-]+:\d+(\/\S*)?$/.test(text) || /^\[[\da-f:]+\]:\d+(\/\S*)?$/i.test(text);
  return isHost && protocol !== 'grpc' ? ` (write http://${text} or https://${text})` : '';
}

function hasScheme(text: string): boolean {
  return /^\w+:\/\//.test(text);
}

// `localhost:4318` is a URL too, of a scheme `localhost`; gRPC takes it as host and port, and as https like its exporter.
function parse(text: string, protocol: Protocol): URL | undefined {
  const full = protocol === 'grpc' && !hasScheme(text) ? `https://${text}` : text;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  const isUnix = protocol === 'grpc' && url.protocol === 'unix:';
  return url.protocol === 'http:' || url.protocol === 'https:' || isUnix ? url : undefined;
}

// The exporter reads these itself: that of traces first, the general one where that is unset or bad.
function warnAboutTransfer(environment: Environment, warn: Warn): void {
  for (const { names, accepts, range, fallback } of TRANSFER) {
    const set = names.filter((name) => value(environment, name) !== undefined);
    const used = set.findIndex((name) => accepts(value(environment, name)!));
    const instead = used < 0 ? fallback : set[used]!;
    for (const name of used < 0 ? set : set.slice(0, used))
      warn(`${name}=${value(environment, name)} is not ${range}; using ${instead}`);
  }
}
