// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan receive`: the OTLP receiver of gpuspan/testing as a program, with a table of stages that keeps up with what
// arrives and a file that `gpuspan report` reads. Called by run.ts; ends on SIGINT, SIGTERM or after --for.
import { OtlpJsonFile } from '../../testing/json-lines';
import type { OtlpRequest, ReceivedSpan } from '../../testing/otlp-json';
import { startReceiver } from '../../testing/receiver';
import { CommandError, EXIT, type ExitCode } from '../exit-codes';
import { Summary } from '../model/summary';
import { counted, formatNanos } from '../report/format';
import { stageTable } from '../report/text';
import type { Streams } from '../streams';

export interface ReceiveOptions {
  readonly port: number;
  readonly out?: string;
  /** Seconds; 0: until a signal. */
  readonly for: number;
  readonly live?: boolean;
}

const REFRESH_MILLIS = 1000;
const CLEAR_SCREEN = '\x1b[2J\x1b[H';

/** @throws CommandError `EXIT.output` for a port or a file that cannot be used. */
export async function receive(options: ReceiveOptions, streams: Streams): Promise<ExitCode> {
  const ended = new Ended(options.for);
  try {
    return await receiveUntil(ended, options, streams);
  } finally {
    ended.stop();
  }
}

async function receiveUntil(ended: Ended, options: ReceiveOptions, streams: Streams): Promise<ExitCode> {
  const summary = new Summary(0);
  let file: OtlpJsonFile | undefined;
  const receiver = await listen(options.port, {
    // What arrived is in the summary and the file: the receiver need not keep it.
    keepSpans: false,
    onExport: (request) => ended.unless(() => file?.write(request)),
    onSpans: (spans) => {
      for (const span of spans) summary.add(span);
    },
  });
  try {
    // Not before the port is ours: it may be the file of the receiver that has it.
    file = openFile(options.out);
  } catch (error) {
    await receiver.close();
    throw error;
  }
  streams.stderr.write(`gpuspan: receiving OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT=${receiver.url}\n`);
  const refresh = liveTable(options, summary, streams);
  const failure = await ended.wait();
  clearInterval(refresh);
  await receiver.close();
  file?.close();
  streams.stdout.write(status(summary));
  if (failure !== undefined)
    throw new CommandError(EXIT.output, `${options.out} cannot be written: ${failure.message}`);
  return EXIT.ok;
}

function liveTable({ live }: ReceiveOptions, summary: Summary, { stdout }: Streams): NodeJS.Timeout | undefined {
  if (!(live ?? stdout.isTTY === true)) return undefined;
  return setInterval(() => stdout.write((stdout.isTTY ? CLEAR_SCREEN : '') + status(summary)), REFRESH_MILLIS);
}

function openFile(path: string | undefined): OtlpJsonFile | undefined {
  if (path === undefined) return undefined;
  try {
    return new OtlpJsonFile(path);
  } catch (error) {
    throw new CommandError(EXIT.output, `${path} cannot be written: ${(error as Error).message}`);
  }
}

interface Listening {
  readonly keepSpans: false;
  readonly onExport: (request: OtlpRequest) => void;
  readonly onSpans: (spans: readonly ReceivedSpan[]) => void;
}

async function listen(port: number, options: Listening): ReturnType<typeof startReceiver> {
  try {
    return await startReceiver({ port, ...options });
  } catch (error) {
    throw new CommandError(EXIT.output, `port ${port} cannot be listened on: ${(error as Error).message}`);
  }
}

/** Until a signal, the time given, or a file that can no longer be written. */
class Ended {
  readonly #promise: Promise<Error | undefined>;
  readonly #timer: NodeJS.Timeout | undefined;
  #resolve: (failure: Error | undefined) => void = () => {};

  constructor(seconds: number) {
    this.#promise = new Promise((resolve) => (this.#resolve = resolve));
    if (seconds > 0) this.#timer = setTimeout(this.#end, 1000 * seconds).unref();
    process.on('SIGINT', this.#end);
    process.on('SIGTERM', this.#end);
  }

  unless(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#resolve(error as Error);
    }
  }

  wait(): Promise<Error | undefined> {
    return this.#promise;
  }

  stop(): void {
    clearTimeout(this.#timer);
    process.off('SIGINT', this.#end);
    process.off('SIGTERM', this.#end);
  }

  readonly #end = (): void => this.#resolve(undefined);
}

function status(summary: Summary): string {
  const { spans, requests, stages, losses } = summary.result();
  const { p50, p99 } = requests.durationNanos;
  const times = requests.count > 0 ? `: p50 ${formatNanos(p50)}, p99 ${formatNanos(p99)}` : '';
  const head = `${counted(spans, 'span')}, ${counted(requests.count, 'request')}${times}, ${losses.total} lost`;
  const table = stageTable(stages);
  return table === '' ? `${head}\n` : `${head}\n\n${table}\n`;
}
