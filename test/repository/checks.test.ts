// SPDX-License-Identifier: Apache-2.0
//
// The checks of `npm run lint` that are our own: each passes a clean tree and fires on a file that breaks its rule.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFolderReadmes } from '../../scripts/checks/folder-readmes.mjs';
import { checkIncludeDirection } from '../../scripts/checks/include-direction.mjs';
import { checkSources, problemsOf } from '../../scripts/checks/source-rules.mjs';
import { ROOT } from '../../scripts/fresh.mjs';
import { findRises } from '../../scripts/instructions.mjs';
import { judgeSkips } from '../../scripts/skip-reporter.mjs';

const HEADER = '// SPDX-License-Identifier: Apache-2.0\n//\n// What this is.\n';
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gpuspan-checks-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('the include-direction check', () => {
  beforeEach(() => {
    write('native/core/clock.h', '#include <cstdint>\n#include "gpuspan.h"\n');
    write('native/include/gpuspan.h', '#include <stdint.h>\n');
    write('native/gpu/gpu.h', '#include "../core/clock.h"\n#include <CL/cl.h>\n');
    write('native/node/addon.cc', '#include <napi.h>\n#include "clock.h"\n#include "gpu.h"\n');
    write('native/test/fake.h', '');
  });

  it('passes a tree whose includes all point down', () => {
    expect(checkIncludeDirection(root)).toEqual([]);
  });

  it.each([
    ['core/bad.cc', '#include <node_api.h>', 'is a Node header'],
    ['core/bad.cc', '#include <napi.h>', 'is a Node header'],
    ['core/bad.cc', '#include <cuda.h>', 'is a GPU header'],
    ['core/bad.cc', '#include <CL/cl.h>', 'is a GPU header'],
    ['core/bad.cc', '#include "gpu.h"', 'belongs to gpu/'],
    ['core/bad.cc', '#include "../gpu/gpu.h"', 'belongs to gpu/'],
    ['core/bad.cc', '#include "../test/fake.h"', 'is test or bench code'],
    ['core/bad.cc', '#include "no_such.h"', 'is not a header of ours'],
    ['gpu/bad.cc', '#include <uv.h>', 'is a Node header'],
    ['include/bad.h', '#include <vector>', 'is not a C header'],
    ['include/bad.h', '#include "clock.h"', 'belongs to core/'],
  ])('reports native/%s with %s', (path, line, problem) => {
    write(`native/${path}`, `${line}\n`);
    expect(checkIncludeDirection(root)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('the source check', () => {
  it('passes a source with licence line and header comment', () => {
    write('lib/stage.ts', `${HEADER}export const a = 1;\n`);
    expect(checkSources(root)).toEqual([]);
  });

  it.each([
    ['lib/a.ts', 'export const a = 1;\n', 'does not start with the SPDX line'],
    ['lib/a.ts', '// SPDX-License-Identifier: Apache-2.0\n\nexport const a = 1;\n', 'has no header comment'],
    ['lib/a.ts', HEADER + 'a();\n'.repeat(400), 'the limit is 400'],
    ['test/a.test.ts', HEADER + 'a();\n'.repeat(600), 'the limit is 600'],
    ['lib/string-utils.ts', HEADER, 'names no idea'],
    ['lib/a.ts', `${HEADER}// ${'TO'}DO: later\n`, 'is a leftover'],
    ['native/core/a.cc', `${HEADER}int x = counter.load();\n`, 'names no memory order'],
    ['native/core/a.cc', `${HEADER}counter.store(1);\n`, 'names no memory order'],
  ])('reports %s', (path, text, problem) => {
    expect(problemsOf(path, text)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('the README check', () => {
  it('reports the folders without a README and the READMEs that are too long', () => {
    write('lib/README.md', '# lib\n');
    write('native/README.md', 'line\n'.repeat(41));
    write('native/core/ring.h', '');
    expect(checkFolderReadmes(root)).toEqual([
      'native/README.md has more than 40 lines',
      'native/core/ has no README.md',
    ]);
  });
});

describe('the import rules', () => {
  function cruise(): { status: number | null; output: string } {
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    write('tsconfig.json', '{"compilerOptions":{"module":"node16","moduleResolution":"node16"},"include":["lib"]}');
    write(
      'package.json',
      '{"dependencies":{"@opentelemetry/core":"2","node-gyp-build":"4"},"devDependencies":{"fast-check":"4"}}',
    );
    const program = join(ROOT, 'node_modules', '.bin', 'depcruise');
    const config = join(ROOT, '.dependency-cruiser.cjs');
    const result = spawnSync(program, ['--config', config, '--output-type', 'err', 'lib'], {
      cwd: root,
      encoding: 'utf8',
    });
    return { status: result.status, output: result.stdout + result.stderr };
  }

  it('pass imports that point down, and OpenTelemetry as types', () => {
    write('lib/segment/ring.ts', 'export const a = 1;\n');
    write('lib/timeline/clock.ts', "import { a } from '../segment/ring';\nexport const b = a;\n");
    write('lib/spans/span.ts', "import type { Link } from '@opentelemetry/core';\nexport type L = Link;\n");
    write('lib/otel/exporter.ts', "import { hrTime } from '@opentelemetry/core';\nexport const now = hrTime;\n");
    const { status, output } = cruise();
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('no dependency violations') });
  });

  it.each([
    ['segment-is-the-bottom', 'lib/segment/a.ts', "import { x } from '../timeline/x';\nexport const y = x;\n"],
    ['timeline-knows-only-the-segment', 'lib/timeline/a.ts', "import { x } from '../spans/x';\nexport const y = x;\n"],
    ['spans-know-no-sinks-and-no-addon', 'lib/spans/a.ts', "import { x } from '../sinks/x';\nexport const y = x;\n"],
    ['sinks-know-no-tracer', 'lib/sinks/a.ts', "import { x } from '../tracer';\nexport const y = x;\n"],
    [
      'opentelemetry-only-in-otel',
      'lib/sinks/a.ts',
      "import { hrTime } from '@opentelemetry/core';\nexport const y = hrTime;\n",
    ],
    ['one-addon-loader', 'lib/tracer-two.ts', "import load from 'node-gyp-build';\nexport const y = load;\n"],
    [
      'no-development-dependency-at-run-time',
      'lib/a.ts',
      "import { check } from 'fast-check';\nexport const y = check;\n",
    ],
    ['resolvable', 'lib/a.ts', "import { x } from './nowhere';\nexport const y = x;\n"],
  ])('report %s', (rule, path, text) => {
    for (const file of ['timeline/x', 'spans/x', 'sinks/x', 'tracer']) write(`lib/${file}.ts`, 'export const x = 1;\n');
    write(path, text);
    const { status, output } = cruise();
    expect(output).toContain(`error ${rule}`);
    expect(status).not.toBe(0);
  });
});

describe('the skip reporter', () => {
  const explained = { name: 'a test', reason: 'no OpenCL device' };

  it('lets an explained skip pass, with its reason', () => {
    expect(judgeSkips([explained], false)).toEqual({ lines: ['  skipped: a test: no OpenCL device'], fails: false });
  });

  it('fails a skip without a reason', () => {
    expect(judgeSkips([{ name: 'a test', reason: undefined }], false).fails).toBe(true);
  });

  it('fails every skip where skipping is forbidden', () => {
    expect(judgeSkips([explained], true).fails).toBe(true);
  });

  it('passes a run without skips where skipping is forbidden', () => {
    expect(judgeSkips([], true)).toEqual({ lines: [], fails: false });
  });
});

describe('the instruction gate', () => {
  it('reports a count above the pinned one', () => {
    expect(findRises({ off: 3, slice: 100 }, { off: 2, slice: 100 })).toEqual(['off: 3 instructions, pinned are 2']);
  });

  it('passes counts that are as pinned or lower', () => {
    expect(findRises({ off: 2, slice: 90 }, { off: 2, slice: 100 })).toEqual([]);
  });

  it('compares a slice with one that reads the same clock only', () => {
    expect(findRises({ off: 3, slice: 120, clock: 'kvm-clock' }, { off: 2, slice: 100, clock: 'tsc' })).toEqual([
      'off: 3 instructions, pinned are 2',
    ]);
  });
});
