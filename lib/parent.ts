// SPDX-License-Identifier: Apache-2.0
//
// Below which span a new request begins. Called once a request, on its thread; OpenTelemetry is loaded where tracing is
// on and never where it is off. Nothing here throws.
import type { Context } from '@opentelemetry/api';
import { type HeaderSource, keepHeaders } from './find-header';
import { readBaggage, readTraceContext } from './headers';
import type { Beginning, ParentLike } from './otel/context';
import type { TraceContext } from './trace-context';
import { warnOnce } from './warn';

export type { ParentLike } from './otel/context';

/** The part of a request's options that says where it begins. */
export interface ParentOptions {
  readonly headers?: HeaderSource | undefined;
  readonly parent?: ParentLike | undefined;
  readonly root?: boolean | undefined;
}

/**
 * The first that there is: with `root` none, the caller in `headers`, the span of `parent`, the active span of
 * OpenTelemetry. What is malformed is as if it were not there; a context without a span is none. Baggage is that of the
 * headers, else, where they name no caller, of the context.
 */
export function findBeginning({ headers: given, parent, root }: ParentOptions): Beginning {
  const headers = given && keepHeaders(given);
  const carried = readBaggage(headers);
  if (root === true) return { parent: undefined, baggage: carried };
  const caller = headers === undefined ? undefined : readTraceContext(headers);
  if (caller !== undefined) return { parent: caller, baggage: carried };
  return belowParent(parent, carried);
}

/** Below `parent`, a context, span or span context of OpenTelemetry, else below the active span. */
export function belowParent(parent: ParentLike | undefined, carried: string | undefined): Beginning {
  const contexts = loadContexts();
  if (contexts === undefined) return { parent: undefined, baggage: carried };
  try {
    return contexts.beginningBelow(parent, carried);
  } catch {
    return { parent: undefined, baggage: carried }; // A span or context of the application's threw.
  }
}

/** An OpenTelemetry context at a position. @throws where OpenTelemetry's API, a peer dependency, is not installed. */
export function libraryContext(position: TraceContext | undefined, baggage: string | undefined): Context {
  const { contextAt } = require('./otel/context') as typeof import('./otel/context');
  return contextAt(position, baggage);
}

let contexts: typeof import('./otel/context') | null | undefined;

/** Undefined, and one warning, where OpenTelemetry's API, a peer dependency, is not installed. */
export function loadContexts(): typeof import('./otel/context') | undefined {
  if (contexts === undefined) {
    try {
      contexts = require('./otel/context') as typeof import('./otel/context');
    } catch (error) {
      contexts = null;
      const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
      warnOnce('contexts', `OpenTelemetry's active spans are not seen: ${reason}`);
    }
  }
  return contexts ?? undefined;
}
