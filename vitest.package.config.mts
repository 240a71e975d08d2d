// SPDX-License-Identifier: Apache-2.0
//
// The tests of what is published: `npm run test:package`, which makes the prebuild first.
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './scripts/skip-reporter.mjs';

export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    pool: 'forks',
    server: { deps: { external: [/\/dist\//] } },
    // npm pack and npm install, which may fetch the dependencies.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    reporters: ['default', new SkipReporter({ forbid: process.env['GPUSPAN_FORBID_SKIPS'] === '1' })],
  },
});
