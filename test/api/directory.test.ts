// SPDX-License-Identifier: Apache-2.0
//
// Folders that the process may not use for its segment: an error where code named them, a warning and memory where a
// variable did. Each case in a process of its own, with the real addon.
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from './child';

const ON = { GPUSPAN: '1', GPUSPAN_DEVICE: 'none', OTEL_TRACES_EXPORTER: 'none', GPUSPAN_RING_SLOTS: '1024' };
const SOMEBODY_ELSE = 65_533;

const PROGRAM = `
  import { start } from 'gpuspan';
  const { DIRECTORY: directory } = process.env;
  try {
    print({ enabled: start(directory && { directory }).enabled });
  } catch (error) {
    print({ failed: [error.name, error.code, error.message] });
  }
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpuspan-directory-'));
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

/** Root may write anywhere: for root, the folder is another user's. */
function forbid(): RegExp {
  if (process.getuid?.() === 0) {
    chownSync(folder, SOMEBODY_ELSE, SOMEBODY_ELSE);
    return /belongs to another user/;
  }
  chmodSync(folder, 0o500);
  return /Permission denied/;
}

function open(): RegExp {
  chmodSync(folder, 0o755);
  return /is open to other users; run: chmod 700/;
}

describe.each([
  ['that this user may not use', forbid],
  ['that other users may read', open],
])('a folder %s', (_, prepare) => {
  it('is an error that names it and the cause where code named it', async () => {
    const cause = prepare();
    const { output } = await runProgram(PROGRAM, { ...ON, DIRECTORY: folder });
    expect(output).toEqual({ failed: ['GpuspanError', 'GPUSPAN_SEGMENT', expect.stringMatching(cause)] });
    expect(output).toEqual({ failed: ['GpuspanError', 'GPUSPAN_SEGMENT', expect.stringContaining(folder)] });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is worth one warning, and memory is used, where a variable named it', async () => {
    const cause = prepare();
    const { output, stderr } = await runProgram(PROGRAM, { ...ON, GPUSPAN_DIR: folder });
    expect(output).toEqual({ enabled: true });
    expect(stderr.match(/GpuspanWarning: .*/g)).toEqual([expect.stringMatching(cause)]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
