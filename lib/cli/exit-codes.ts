// SPDX-License-Identifier: Apache-2.0
//
// The exit codes of the command line, documented in docs/cli.md and in every subcommand's help, and the error that
// carries one. Thrown by the subcommands, caught in run.ts alone.

export const EXIT = {
  /** All done. */
  ok: 0,
  /** Done, and what was looked at has a fault that was asked about: losses with --fail-on-loss, doctor's findings. */
  finding: 1,
  /** An argument or option that is not understood. */
  usage: 2,
  /** An input that cannot be opened, or that holds no span. */
  input: 3,
  /** An output that cannot be written, or a port that cannot be listened on. */
  output: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with `exitCode`; the message is one line for stderr and says what to do. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** For the help of the program and of each subcommand. */
export const EXIT_CODE_HELP = `
Exit codes:
  0  done
  1  done, and a fault was found that was asked about
  2  an argument or option is not understood
  3  an input cannot be read or holds no span
  4  an output cannot be written, or a port not be used`;
