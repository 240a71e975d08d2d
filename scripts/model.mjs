// SPDX-License-Identifier: Apache-2.0
//
// `npm run model -- --programs N --seed S --json FILE`: the property test of test/model/ with a seed of one's own, and
// its figures. A failure's seed replays it alone: `-- --programs 1 --seed <that>`. Exit status 1 when spans differ.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkPrograms } from '../test/model/check.mjs';
import { startPool } from '../test/model/pool.mjs';
import { SetupError } from './toolchain.mjs';

const USAGE = `usage: npm run model -- [--programs N] [--seed S] [--json FILE]
  --programs N  random programs to run (2000)
  --seed S      of the first of them, 0 to 1000000000 (1)
  --json FILE   the figures, and the programs that failed, shrunk`;
const MOST = 1_000_000_000;

function parse(given) {
  const options = { programs: 2000, seed: 1, json: undefined };
  for (let i = 0; i < given.length; i += 2) {
    const [name, value] = [given[i], given[i + 1]];
    if (!['--programs', '--seed', '--json'].includes(name)) throw new SetupError(`unknown option ${name}\n${USAGE}`);
    if (value === undefined) throw new SetupError(`a value is missing after ${name}\n${USAGE}`);
    if (name === '--json') options.json = resolve(process.env.INIT_CWD ?? '.', value);
    else if (name === '--seed') options.seed = toInteger(name, value, 0);
    else options.programs = toInteger(name, value, 1);
  }
  return options;
}

function toInteger(name, value, least) {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= MOST) return number;
  throw new SetupError(`${name} must be an integer from ${least} to ${MOST}, got ${JSON.stringify(value)}`);
}

async function run({ programs, seed, json }) {
  // Before the work: a file that cannot be written is known at once.
  if (json !== undefined) writeFileSync(json, '');
  const pool = await startPool();
  const result = await checkPrograms(pool, { count: programs, seed });
  await pool.close();
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  const { failures, ...figures } = result;
  for (const failure of failures) {
    console.error(`seed ${failure.seed}:\n  ${failure.shrunk.join('\n  ')}\n  => ${failure.problems.join('\n  => ')}`);
  }
  console.log(
    `model: seed ${seed}: ${Object.entries(figures)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  if (figures.mismatches + figures.orphans + figures.duplicateIds > 0) process.exitCode = 1;
}

try {
  const given = process.argv.slice(2);
  if (given.includes('--help')) console.log(USAGE);
  else await run(parse(given));
} catch (error) {
  if (!(error instanceof SetupError) && error?.code !== 'ENOENT' && error?.code !== 'EACCES') throw error;
  console.error(`model: ${error.message}`);
  process.exitCode = 1;
}
