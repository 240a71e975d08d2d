// SPDX-License-Identifier: Apache-2.0
//
// Reads the arguments and runs a subcommand; the one place that turns errors into a line on stderr and an exit code.
// Called by index.ts and by tests. Loads a subcommand's modules only when it is run.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ConvertCommandOptions } from './commands/convert';
import type { DoctorOptions } from './commands/doctor';
import type { ReceiveOptions } from './commands/receive';
import type { ReportCommandOptions } from './commands/report';
import { CommandError, EXIT, EXIT_CODE_HELP, type ExitCode } from './exit-codes';
import { printable } from './report/format';
import type { Streams } from './streams';

/** Runs `gpuspan <words>`. Never throws; what goes wrong is a line on `stderr` and the exit code. */
export async function run(words: readonly string[], streams: Streams): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = makeProgram(streams, (result) => (code = result));
  try {
    await program.parseAsync([...words], { from: 'user' });
    return code;
  } catch (error) {
    return codeOf(error, streams);
  }
}

function codeOf(error: unknown, { stderr }: Streams): ExitCode {
  // Commander has said it already; help is no fault.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandError) {
    stderr.write(`gpuspan: ${printable(error.message, 1000)}\n`);
    return error.exitCode;
  }
  stderr.write(`gpuspan: this is a fault of gpuspan's: ${error instanceof Error ? error.stack : String(error)}\n`);
  return EXIT.finding;
}

type Done = (code: ExitCode) => void;

function makeProgram(streams: Streams, done: Done): Command {
  const { version } = require('../../package.json') as { version: string };
  const program = new Command('gpuspan')
    .description('Reads, receives and checks what gpuspan traces: requests through a GPU worker.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .addHelpText('after', EXIT_CODE_HELP)
    .showHelpAfterError('(gpuspan --help tells more)');
  addReport(program, streams, done);
  addConvert(program, streams, done);
  addReceive(program, streams, done);
  addDoctor(program, streams, done);
  return program;
}

/** A subcommand; commander does not hand these settings down by itself. */
function subcommand(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).addHelpText('after', EXIT_CODE_HELP);
}

function addReport(program: Command, streams: Streams, done: Done): void {
  subcommand(
    program,
    'report',
    'what the spans in files of OTLP JSON or in traces say: stages, batches, GPU, slowest requests, losses',
  )
    .argument(
      '<file...>',
      "OTLP JSON, as the Collector's file exporter writes it, or gpuspan's Perfetto traces, of any size",
    )
    .addOption(new Option('--json', 'print the report as JSON').conflicts('html'))
    .option('--html <file>', 'write it as one HTML file that needs no network; - for standard output')
    .option('--slowest <n>', 'show so many of the slowest requests whole', wholeNumber(0, 1000), 5)
    .option('--rows <n>', 'keep so many rows of the request table', wholeNumber(1, 100_000), 1000)
    .option('--fail-on-loss', 'exit with 1 when slices were lost, or the input is damaged')
    .option('--progress', 'tell on stderr how far it is (default: when stderr is a terminal)')
    .option('--no-progress', 'do not')
    .action(async (files: string[], options: ReportCommandOptions) => {
      const { report } = require('./commands/report') as typeof import('./commands/report');
      done(await report(files, options, streams));
    });
}

function addConvert(program: Command, streams: Streams, done: Done): void {
  subcommand(program, 'convert', 'makes a trace for https://ui.perfetto.dev of files of OTLP JSON')
    .argument('[file...]', "OTLP JSON, as the Collector's file exporter writes it, of any size and any service")
    .option('--kineto <file>', "draw a PyTorch profiler's JSON trace on the same clock; may be given again", gather, [])
    .requiredOption('-o, --out <file>', 'the trace; it is replaced when the new one is complete')
    .option('--progress', 'tell on stderr how far it is (default: when stderr is a terminal)')
    .option('--no-progress', 'do not')
    .action(async (files: string[], options: ConvertCommandOptions) => {
      const { convert } = require('./commands/convert') as typeof import('./commands/convert');
      done(await convert(files, options, streams));
    });
}

function addReceive(program: Command, streams: Streams, done: Done): void {
  subcommand(
    program,
    'receive',
    'takes spans over OTLP/HTTP on 127.0.0.1, for development: live stages, a file for report',
  )
    .option('--port <n>', 'listen there; 0 for any free port', wholeNumber(0, 65_535), 4318)
    .option('--out <file>', 'write what arrives as OTLP JSON, a request a line')
    .option('--for <seconds>', 'end after so long; 0: on SIGINT or SIGTERM', wholeNumber(0, 1_000_000), 0)
    .option('--live', 'print the table each second (default: when standard output is a terminal)')
    .option('--no-live', 'print it at the end only')
    .action(async (options: ReceiveOptions) => {
      const { receive } = require('./commands/receive') as typeof import('./commands/receive');
      done(await receive(options, streams));
    });
}

function addDoctor(program: Command, streams: Streams, done: Done): void {
  subcommand(
    program,
    'doctor',
    'whether tracing would work here: addon, clock, GPU, settings, cost of a slice, destination',
  )
    .option('--json', 'print the findings as JSON')
    .action(async (options: DoctorOptions) => {
      const { doctor } = require('./commands/doctor') as typeof import('./commands/doctor');
      done(await doctor(options, streams));
    });
}

function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`);
  };
}
