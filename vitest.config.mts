// SPDX-License-Identifier: Apache-2.0
//
// The test run of `npm test`. Test files run in processes of their own, because an addon loaded by one file would be
// shared by the next. test/package/ has its own run (vitest.package.config.mts): it needs a prebuild.
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './scripts/skip-reporter.mjs';

// What a whole run is told: see .ci/run.
const RUN_VARIABLES = new Set(['GPUSPAN_FORBID_SKIPS', 'GPUSPAN_REQUIRE_OPENCL', 'GPUSPAN_PREBUILD']);

// Tests give the others to what they start; what the developer's shell exports must not change a result.
for (const name of Object.keys(process.env)) {
  if (name.startsWith('OTEL_') || (name.startsWith('GPUSPAN') && !RUN_VARIABLES.has(name))) delete process.env[name];
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/package/**'],
    pool: 'forks',
    // The package under test is loaded by Node itself, as its users load it: vite would take its CommonJS for ESM.
    server: { deps: { external: [/\/dist\//] } },
    // Child processes, device jobs and OTLP round trips on a shared two-core machine, also under AddressSanitizer.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', new SkipReporter({ forbid: process.env['GPUSPAN_FORBID_SKIPS'] === '1' })],
  },
});
