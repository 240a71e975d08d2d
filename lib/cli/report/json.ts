// SPDX-License-Identifier: Apache-2.0
//
// A report as JSON, the form that programs read: docs/cli.md has its fields. Called by `gpuspan report --json`. Pure.
import type { Report } from './make-report';

/** Raised when a field changes its meaning or goes. */
export const REPORT_VERSION = 1;

/** Ends with a newline. Spans are not in it: the input has them. */
export function reportJson({ files, summary, shown }: Report): string {
  const { stages, requests, ...rest } = summary;
  const { chosen, ...named } = requests;
  const plain = {
    version: REPORT_VERSION,
    files,
    ...rest,
    requests: withoutDistribution(named),
    stages: stages.map(withoutDistribution),
    slowest: shown.map(({ row, criticalPath, left }) => ({ ...row, criticalPath, spansLeftOut: left })),
  };
  return `${JSON.stringify(plain, null, 2)}\n`;
}

function withoutDistribution<T extends { readonly distribution: unknown }>(part: T): Omit<T, 'distribution'> {
  const { distribution, ...kept } = part;
  return kept;
}
