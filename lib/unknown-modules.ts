// SPDX-License-Identifier: Apache-2.0
//
// Tells of modules that `GPUSPAN_MODULES` or the option `modules` names and nobody declares: with a name misspelt, all of
// a module's slices are silently missing. Programs declare at any time, so it is told once most will have: a while after
// the start, or when the process has nothing more to do before that. Main thread only.
import type { Native } from './native';
import { warnOnce } from './warn';

const GRACE_MILLIS = 30_000;

export function watchUnknownModules(
  native: Pick<Native, 'unknownModules'>,
  modules: ReadonlySet<string> | undefined,
): void {
  if (modules === undefined) return;
  const timer = setTimeout(tell, GRACE_MILLIS);
  timer.unref();
  process.once('beforeExit', tell);
  function tell(): void {
    clearTimeout(timer);
    process.off('beforeExit', tell);
    for (const name of native.unknownModules([...modules!])) {
      warnOnce(
        `module ${name}`,
        `GPUSPAN_MODULES or the option modules names ${JSON.stringify(name)}, and nobody in this process has declared a stage, event or request of that module`,
      );
    }
  }
}
