// SPDX-License-Identifier: Apache-2.0
//
// A W3C tracestate as it came in: carried, not interpreted. Exporters only serialize it.

import type { TraceState } from '@opentelemetry/api';

export class RawTraceState implements TraceState {
  constructor(private readonly text: string) {}

  get(key: string): string | undefined {
    const member = this.members().find((candidate) => candidate.startsWith(`${key}=`));
    return member?.slice(key.length + 1);
  }

  set(key: string, value: string): TraceState {
    return new RawTraceState([`${key}=${value}`, ...this.without(key)].join(','));
  }

  unset(key: string): TraceState {
    return new RawTraceState(this.without(key).join(','));
  }

  serialize(): string {
    return this.text;
  }

  private members(): string[] {
    return this.text.split(',').map((member) => member.trim());
  }

  private without(key: string): string[] {
    return this.members().filter((member) => member !== '' && !member.startsWith(`${key}=`));
  }
}
