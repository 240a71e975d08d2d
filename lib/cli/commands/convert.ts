// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan convert FILE... -o TRACE`. Called by run.ts.
import { type Converted, convertFiles } from '../convert/convert-files';
import { CommandError, EXIT, type ExitCode } from '../exit-codes';
import type { KinetoAccount } from '../convert/kineto-file';
import type { FileAccount } from '../input/otlp-file';
import { fileProblems, leftOutText } from '../report/file-problems';
import { counted, printable } from '../report/format';
import { ProgressLine, type Streams } from '../streams';

export interface ConvertCommandOptions {
  readonly out: string;
  readonly kineto: readonly string[];
  readonly progress?: boolean;
}

/** @throws CommandError for input and output that cannot be used. A signal ends the process once nothing is left behind. */
export async function convert(
  files: readonly string[],
  { out, kineto, progress }: ConvertCommandOptions,
  streams: Streams,
): Promise<ExitCode> {
  if (files.length + kineto.length === 0)
    throw new CommandError(EXIT.usage, 'nothing to convert: name a FILE or --kineto FILE');
  const line = (progress ?? streams.stderr.isTTY === true) ? new ProgressLine(streams.stderr) : undefined;
  const interruption = new Interruption();
  try {
    const { signal } = interruption;
    const converted = await convertFiles(files, {
      out,
      kineto,
      signal,
      ...(line !== undefined && { onProgress: line.tell }),
    });
    line?.end();
    for (const problem of problems(converted)) streams.stderr.write(`gpuspan: ${problem}\n`);
    streams.stdout.write(`${printable(out, 200)}: ${contents(converted)}; open it in https://ui.perfetto.dev\n`);
    return EXIT.ok;
  } finally {
    line?.end();
    interruption.end();
  }
}

function contents({ files, kineto, spans, events, processes, bytes }: Converted): string {
  const parts = [
    ...(files.length > 0 ? [counted(spans, 'span')] : []),
    ...(kineto.length > 0 ? [`${counted(events, 'event')} of PyTorch`] : []),
  ];
  return `${parts.join(' and ')} of ${processes} ${processes === 1 ? 'process' : 'processes'}, ${counted(bytes, 'byte')}`;
}

function problems({ files, kineto, flattened, cut }: Converted): string[] {
  return [
    ...files.flatMap(spanProblems),
    ...kineto.flatMap(kinetoProblems),
    ...(flattened > 0 ? [`${counted(flattened, 'span')} drawn as instants: more overlap than there is room for`] : []),
    ...(cut > 0 ? [`${counted(cut, 'value')} or events cut or left out: too long`] : []),
  ];
}

function spanProblems(file: FileAccount): string[] {
  const wrong = fileProblems(file);
  if (wrong.length === 0) return [];
  return [
    `${printable(file.path, 200)}: ${wrong.join(', ')}`,
    ...file.notes.map((note) => `  ${printable(note, 200)}`),
  ];
}

function kinetoProblems({ path, badEvents, skipped, leftOut, truncated, note }: KinetoAccount): string[] {
  const wrong = [
    badEvents > 0 ? counted(badEvents, 'malformed event') : '',
    skipped > 0 ? `${counted(skipped, 'event')} of kinds that are not drawn` : '',
    leftOut > 0 ? leftOutText(leftOut) : '',
    truncated ? 'it ends too soon, what was complete is used' : '',
    note !== undefined ? `its rest is not JSON: ${printable(note, 200)}` : '',
  ].filter((part) => part !== '');
  return wrong.length === 0 ? [] : [`${printable(path, 200)}: ${wrong.join(', ')}`];
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal ends the work first, then the process, as the signal would have. */
class Interruption {
  readonly #controller = new AbortController();
  #received: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#receive);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#receive);
    if (this.#received !== undefined) process.kill(process.pid, this.#received);
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    this.#received = signal;
    this.#controller.abort();
  };
}
