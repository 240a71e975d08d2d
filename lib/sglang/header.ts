// SPDX-License-Identifier: Apache-2.0
//
// The header `trace_context` of SGLang's first tracing (2025): base64 of JSON that maps bootstrap rooms to the position
// of each request, which is how its router handed traces to prefill and decode servers. Pure; nothing throws.
import type { Carrier } from '../carrier';
import { checkCarrier } from '../carrier-check';
import { parseExactJson, stringifyExactJson } from './exact-json';
import { fromSglang, type SglangReading, writeLink, writeRoot } from './state';

const MAX_HEADER = 65_536;
/** What SGLang writes instead of null. */
const NONE = 'None';

type Rooms = Record<string, unknown>;

/**
 * The carrier that a header `trace_context` has for a bootstrap room. SGLang's header has no level: `level` is that of
 * the carrier, 1 to 4.
 */
export function fromSglangHeader(header: unknown, room: string | number | bigint, level = 2): SglangReading {
  try {
    if (typeof header !== 'string') return { refused: 'type' };
    if (header.length > MAX_HEADER) return { refused: 'size' };
    const rooms = parseExactJson(Buffer.from(header, 'base64').toString('utf8')) as Rooms | null;
    const name = String(room);
    if (typeof rooms !== 'object' || rooms === null || !Object.hasOwn(rooms, name)) return { refused: 'off' };
    const position = rooms[name] as Rooms | null;
    if (typeof position !== 'object' || position === null) return { refused: 'off' };
    return readPosition(position, level);
  } catch {
    return { refused: 'type' };
  }
}

// The older form is a part of the newer one under other names.
function readPosition(position: Rooms, level: number): SglangReading {
  const last = position['prev_span'];
  return fromSglang({
    tracing_enable: true,
    root_span_context: position['root_span'],
    last_span_context: last === NONE ? null : last,
    trace_level: level,
  });
}

/** The header for requests by bootstrap room. What is no carrier is left out; undefined when nothing is left. */
export function toSglangHeader(carriers: Readonly<Record<string, Carrier | undefined>>): string | undefined {
  try {
    const rooms = Object.entries(carriers).flatMap(([room, carrier]) => {
      const checked = checkCarrier(carrier);
      if (typeof checked === 'string') return [];
      return [[room, { root_span: writeRoot(checked), prev_span: writeLink(checked) ?? NONE }] as const];
    });
    if (rooms.length === 0) return undefined;
    return Buffer.from(stringifyExactJson(Object.fromEntries(rooms)) ?? '').toString('base64');
  } catch {
    return undefined;
  }
}
