#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The program `gpuspan`, package.json's `bin`. Everything is in run.ts, which tests can call.
import { run } from './run';

// A reader such as `head` that has seen enough is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 4);
});

void run(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr }).then((code) => {
  process.exitCode = code;
});
