// SPDX-License-Identifier: Apache-2.0
//
// Reads OpenTelemetry's exporter variables and makes the official OTLP exporter from them. `findDestination`
// runs in start(), on the application's thread, and loads nothing; `createExporter` runs where the segment
// is read and loads the exporter there.
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where spans go by the variables alone: `otlp` to an endpoint, `none` by request, `nowhere` by omission. */
export type Destination =
  | { readonly kind: 'otlp'; readonly endpoint: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'nowhere' };

const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const GENERAL_ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const DEFAULT_ENDPOINT = 'http://localhost:4318/v1/traces';
const OTLP = 'OTEL_EXPORTER_OTLP_';
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
];
const SUPPORTED = 'this version exports OTLP over http/protobuf';

/**
 * What the variables ask for. An exporter or protocol this version lacks, an endpoint that is no http URL, or a
 * timeout or compression that the exporter will not take is one warning through `warn` and then treated as unset. localhost:4318 is never assumed: an OTLP endpoint
 * or `OTEL_TRACES_EXPORTER=otlp` must say so.
 */
export function findDestination(environment: Environment, warn: (message: string) => void): Destination {
  const chosen = chosenExporter(environment, warn);
  if (chosen === 'none') return { kind: 'none' };
  const endpoint = configuredEndpoint(environment, warn);
  if (endpoint === undefined && chosen !== 'otlp') return { kind: 'nowhere' };
  warnAboutProtocol(environment, warn);
  warnAboutTransfer(environment, warn);
  return { kind: 'otlp', endpoint: endpoint ?? DEFAULT_ENDPOINT };
}

/**
 * The official exporter, configured by the OTEL_EXPORTER_OTLP_* variables of this thread's `process.env`, which is the
 * delivery worker's own copy: endpoints that `findDestination` ignores are taken out of it.
 */
export function createExporter(): SpanExporter {
  for (const name of [TRACES_ENDPOINT, GENERAL_ENDPOINT]) {
    const text = value(process.env, name);
    if (text !== undefined && parse(text) === undefined) delete process.env[name];
  }
  const { OTLPTraceExporter } =
    require('@opentelemetry/exporter-trace-otlp-proto') as typeof import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

// Empty counts as unset, as everywhere in OpenTelemetry.
function value(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === undefined || text === '' ? undefined : text;
}

function chosenExporter(environment: Environment, warn: (message: string) => void): 'otlp' | 'none' | undefined {
  const text = value(environment, 'OTEL_TRACES_EXPORTER');
  if (text === undefined) return undefined;
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => name !== 'otlp' && name !== 'none');
  if (unknown.length > 0)
    warn(`OTEL_TRACES_EXPORTER: ${unknown.join(', ')} is not supported and ignored; ${SUPPORTED}`);
  if (names.includes('otlp')) return 'otlp';
  return names.includes('none') ? 'none' : undefined;
}

function configuredEndpoint(environment: Environment, warn: (message: string) => void): string | undefined {
  return (
    readable(TRACES_ENDPOINT, value(environment, TRACES_ENDPOINT), '', warn) ??
    readable(GENERAL_ENDPOINT, value(environment, GENERAL_ENDPOINT), 'v1/traces', warn)
  );
}

// For messages, so without the credentials a URL may hold.
function readable(
  name: string,
  text: string | undefined,
  path: string,
  warn: (message: string) => void,
): string | undefined {
  if (text === undefined) return undefined;
  const url = parse(text);
  if (url === undefined) {
    warn(`${name}=${withoutCredentials(text)} is not an http or https URL; it is ignored`);
    return undefined;
  }
  url.username = url.password = '';
  if (path !== '') url.pathname = url.pathname.replace(/\/?$/, `/${path}`);
  return url.href;
}

function withoutCredentials(text: string): string {
  return text.replace(/^.*@/s, '...@');
}

// `localhost:4318` is a URL too, of a scheme `localhost`.
function parse(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

function warnAboutProtocol(environment: Environment, warn: (message: string) => void): void {
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    const protocol = value(environment, name);
    if (protocol === undefined) continue;
    if (protocol !== 'http/protobuf') warn(`${name}=${protocol} is not supported and ignored; ${SUPPORTED}`);
    return;
  }
}

// The exporter reads these itself: that of traces first, the general one where that is unset or bad.
function warnAboutTransfer(environment: Environment, warn: (message: string) => void): void {
  for (const { names, accepts, range, fallback } of TRANSFER) {
    const set = names.filter((name) => value(environment, name) !== undefined);
    const used = set.findIndex((name) => accepts(value(environment, name)!));
    const instead = used < 0 ? fallback : set[used]!;
    for (const name of used < 0 ? set : set.slice(0, used))
      warn(`${name}=${value(environment, name)} is not ${range}; using ${instead}`);
  }
}
