// SPDX-License-Identifier: Apache-2.0
//
// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` as OpenTelemetry's specification has them. Read by lib/config.ts.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

export const SAMPLER_NAMES = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export type SamplerName = (typeof SAMPLER_NAMES)[number];

/** What is in force when no sampler is named. It needs no sampler. */
export const DEFAULT_SAMPLER: SamplerName = 'parentbased_always_on';

export interface NamedSampler {
  readonly name: SamplerName;
  /** Of traces that are sampled, 0 to 1; for those with `traceidratio` in their name. */
  readonly ratio: number;
}

/** What the variables ask for; undefined: the default. What makes no sense is added to `warnings`. */
export function readSampler(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): NamedSampler | undefined {
  const given = env['OTEL_TRACES_SAMPLER']?.trim() ?? '';
  const name = given.toLowerCase();
  if (name === '' || name === DEFAULT_SAMPLER) return undefined;
  if (!isSamplerName(name)) {
    warnings.push(
      `OTEL_TRACES_SAMPLER=${JSON.stringify(given)} is not one of ${SAMPLER_NAMES.join(', ')}; using ${DEFAULT_SAMPLER}`,
    );
    return undefined;
  }
  return { name, ratio: name.endsWith('traceidratio') ? readRatio(env, warnings) : 1 };
}

function readRatio(env: Readonly<Record<string, string | undefined>>, warnings: string[]): number {
  const text = env['OTEL_TRACES_SAMPLER_ARG']?.trim() ?? '';
  if (text === '') return 1;
  const ratio = Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  warnings.push(`OTEL_TRACES_SAMPLER_ARG=${JSON.stringify(text)} is not a number from 0 to 1; using 1`);
  return 1;
}

function isSamplerName(name: string): name is SamplerName {
  return SAMPLER_NAMES.includes(name as SamplerName);
}
