// SPDX-License-Identifier: Apache-2.0
//
// Files of OTLP JSON, one export request a line: what the OpenTelemetry Collector's file exporter writes and
// its receivers read. For demos and tests; synchronous, on the caller's thread.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { OtlpRequest } from './otlp-json';

export class OtlpJsonFile {
  readonly path: string;
  #descriptor: number | undefined;

  /** Creates or truncates the file; throws the system's error. */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'w');
  }

  /** Appends one line. Bound, so that it can be passed as a receiver's `onExport`. */
  readonly write = (request: OtlpRequest): void => {
    if (this.#descriptor === undefined) throw new Error(`${this.path} is closed`);
    writeSync(this.#descriptor, `${JSON.stringify(request)}\n`);
  };

  /** May be called twice. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** The requests of such a file, in order. Throws when a line is not JSON. */
export function readOtlpJsonFile(path: string): OtlpRequest[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as OtlpRequest);
}
