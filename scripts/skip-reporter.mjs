// SPDX-License-Identifier: Apache-2.0
//
// A vitest reporter: lists every skipped test with its reason, and fails the run for a skip without a reason
// (`ctx.skip('why')` gives one) or, with `forbid`, for any skip. CI sets `forbid` through GPUSPAN_FORBID_SKIPS=1.

/** What the reporter says about the tests that a run skipped, and whether the run fails for it. */
export function judgeSkips(skipped, forbid) {
  const lines = skipped.map(({ name, reason }) => `  skipped: ${name}: ${reason ?? 'NO REASON GIVEN'}`);
  const unexplained = skipped.some(({ reason }) => reason === undefined);
  if (forbid && skipped.length > 0) lines.push('  skipping is forbidden in this run (GPUSPAN_FORBID_SKIPS=1)');
  else if (unexplained) lines.push("  a test that skips itself says why: ctx.skip('reason')");
  return { lines, fails: unexplained || (forbid && skipped.length > 0) };
}

export class SkipReporter {
  #forbid;
  #skipped = [];
  #filtered = false;

  constructor({ forbid }) {
    this.#forbid = forbid;
  }

  // `-t pattern` marks as skipped whatever it leaves out: nothing can be told about such a run.
  onInit(vitest) {
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunStart() {
    this.#skipped = [];
  }

  onTestCaseResult(testCase) {
    const result = testCase.result();
    if (result.state !== 'skipped') return;
    this.#skipped.push({ name: `${testCase.module.relativeModuleId}: ${testCase.fullName}`, reason: result.note });
  }

  onTestRunEnd() {
    if (this.#filtered) return;
    const { lines, fails } = judgeSkips(this.#skipped, this.#forbid);
    for (const line of lines) console.error(line);
    if (fails) process.exitCode = 1;
  }
}
