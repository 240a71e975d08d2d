// SPDX-License-Identifier: Apache-2.0
//
// A report as JSON, the form that programs read: docs/cli.md has its fields. Called by `gpuspan report --json`. Pure.
import type { Report } from './make-report';

/** Raised when a field changes its meaning or goes. */
export const REPORT_VERSION = 1;

/** Ends with a newline. Spans are not in it: the input has them. */
export function reportJson({ files, summary, slowest }: Report): string {
  const { stages, requests, ...rest } = summary;
  const plain = {
    version: REPORT_VERSION,
    files,
    ...rest,
    requests: withoutDistribution(requests),
    stages: stages.map(withoutDistribution),
    slowest: slowest.map(({ row, criticalPath, left }) => ({ ...row, criticalPath, spansLeftOut: left })),
  };
  return `${JSON.stringify(plain, null, 2)}\n`;
}

function withoutDistribution<T extends { readonly distribution: unknown }>(part: T): Omit<T, 'distribution'> {
  const { distribution, ...kept } = part;
  return kept;
}
