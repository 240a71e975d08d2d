// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan doctor`: whether tracing would do its work on this machine with these variables, and what to do where not.
// Called by run.ts. The only subcommand that loads the addon, into this process; nothing is sent anywhere.
import { EXIT, type ExitCode } from '../exit-codes';
import { type Finding, type FindingState, findAll } from '../doctor/findings';
import { printable } from '../report/format';
import type { Streams } from '../streams';

export interface DoctorOptions {
  readonly json?: boolean;
}

const MARKS: Readonly<Record<FindingState, string>> = { ok: 'ok  ', note: 'note', wrong: 'FAIL' };
const WIDTH = 300;

export async function doctor({ json }: DoctorOptions, { stdout }: Streams): Promise<ExitCode> {
  const findings = await findAll(process.env);
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  if (json === true) stdout.write(`${JSON.stringify({ version: 1, wrong, findings }, null, 2)}\n`);
  else stdout.write(findings.map(lines).join('') + verdict(wrong));
  return wrong > 0 ? EXIT.finding : EXIT.ok;
}

function lines({ topic, state, text, remedy }: Finding): string {
  const first = `${MARKS[state]}  ${topic.padEnd(12)}  ${printable(text, WIDTH)}\n`;
  return remedy === undefined ? first : `${first}${' '.repeat(20)}-> ${printable(remedy, WIDTH)}\n`;
}

function verdict(wrong: number): string {
  if (wrong === 0) return 'Nothing stands in the way of tracing.\n';
  return `${wrong === 1 ? '1 thing stands' : `${wrong} things stand`} in the way of tracing.\n`;
}
