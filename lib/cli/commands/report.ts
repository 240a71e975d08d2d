// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan report FILE...`. Called by run.ts.
import { EXIT, type ExitCode } from '../exit-codes';
import { fileProblems } from '../report/file-problems';
import { reportHtml } from '../report/html';
import { reportJson } from '../report/json';
import { makeReport, type Report } from '../report/make-report';
import { reportText } from '../report/text';
import { ProgressLine, refuseOtherThanHtml, refuseOwnInput, type Streams, writeResult } from '../streams';

export interface ReportCommandOptions {
  readonly json?: boolean;
  readonly html?: string;
  readonly slowest: number;
  readonly rows: number;
  readonly failOnLoss?: boolean;
  readonly progress?: boolean;
}

/** @throws CommandError for input and output that cannot be used. */
export async function report(
  files: readonly string[],
  options: ReportCommandOptions,
  streams: Streams,
): Promise<ExitCode> {
  const { html } = options;
  if (html !== undefined && html !== '-') {
    refuseOwnInput(files, html);
    refuseOtherThanHtml(html);
  }
  const line = (options.progress ?? streams.stderr.isTTY === true) ? new ProgressLine(streams.stderr) : undefined;
  const made = await makeReport(files, {
    ...options,
    page: html !== undefined,
    ...(line !== undefined && { onProgress: line.tell }),
  });
  line?.end();
  if (html !== undefined) writeResult(html, reportHtml(made), streams);
  if (html !== '-') streams.stdout.write(options.json === true ? reportJson(made) : reportText(made, options.slowest));
  return options.failOnLoss === true && isLacking(made) ? EXIT.finding : EXIT.ok;
}

function isLacking({ summary, files }: Report): boolean {
  return summary.losses.total > 0 || files.some((file) => fileProblems(file).length > 0);
}
