// SPDX-License-Identifier: Apache-2.0
//
// `npm run demo`: starts the text server with tracing on and an OTLP receiver, sends it requests, and shows what
// came of them: continuations, the report of where the time went, losses, and files: all spans, the report as a page, and
// a Perfetto trace.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { OtlpJsonFile, query, startReceiver } from 'gpuspan/testing';
import { makeJobs, makeReference, sendJobs } from './demo/clients.mjs';
import { forwardTo } from './demo/forward.mjs';
import { readOptions, USAGE } from './demo/options.mjs';
import { makeReport, startTraces } from './demo/outputs.mjs';
import { describeGpuTimes, lossesOf } from './demo/report.mjs';
import { startService } from './demo/service.mjs';
import { setUpDevice } from './setup.mjs';

const SHOWN = 5;
/** The reference takes a few milliseconds a token. */
const MOST_COMPARED = 64;

/** Runs the requests through a service. @returns what is to be reported, and whether all is well */
async function runRequests(options, endpoint, traces) {
  const jobs = makeJobs(options.requests, options.corpus);
  const reference = makeReference(options.corpus);
  const service = await startService({ ...options, endpoint, traces });
  const began = performance.now();
  const answers = await sendJobs(service.url, jobs);
  const millis = performance.now() - began;
  const mapped = service.pids.filter(mapsAddon);
  const stats = await service.stop();

  const failed = answers.filter(({ status }) => status !== 200);
  const compared = jobs.slice(0, MOST_COMPARED);
  const equal = compared.filter((job, i) => answers[i].text === reference(job)).length;
  jobs.slice(0, SHOWN).forEach(({ prompt }, i) => {
    console.log(`  ${prompt} ...${answers[i].text.replaceAll('\n', ' ')}`);
  });
  console.log(`\n${jobs.length - failed.length} of ${jobs.length} requests succeeded in ${millis.toFixed(0)} ms`);
  if (failed.length > 0) console.log(`  the first failure: ${failed[0].status} ${failed[0].text.trim()}`);
  console.log(`${equal} of ${compared.length} continuations equal the CPU reference`);
  console.log(`device: ${service.device.kind}, ${service.device.name}`);
  const good = failed.length === 0 && equal === compared.length;
  return { stats, mapped, good, device: service.device };
}

async function runTraced(options) {
  const out = openFile(resolve(options.out));
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const forward = endpoint ? forwardTo(endpoint) : undefined;
  const onExport = (request) => {
    out.write(request);
    forward?.write(request);
  };
  const traces = openTraces(options);
  const receiver = await startReceiver({ onExport });
  try {
    const { stats, good, device } = await runRequests(options, receiver.url, traces.pattern);
    out.close();
    reportTimes(receiver.spans, device);
    console.log(`\n${makeReport(out.path, options.report)}`);
    const lossless = reportLosses(stats);
    traces.join();
    console.log(`\n${receiver.spans.length} spans as OTLP JSON in ${out.path}`);
    console.log(`to look at: ${resolve(options.report)}, and in ui.perfetto.dev ${resolve(options.trace)}`);
    return good && lossless && (await reportForward(forward));
  } finally {
    await receiver.close();
    out.close();
    traces.remove();
  }
}

async function runUntraced(options) {
  const { mapped, good } = await runRequests(options, undefined);
  console.log(
    mapped.length === 0
      ? '\ntracing is off: no process has loaded the addon of gpuspan'
      : `\ntracing is off, but the addon of gpuspan is loaded in process ${mapped.join(' and ')}`,
  );
  return good && mapped.length === 0;
}

function reportTimes(spans, device) {
  console.log(`GPU times: ${describeGpuTimes(spans, device.name)}`);
  const tree = query(spans);
  const roots = spans.filter(({ name, attributes }) => name === 'request' && 'gpuspan.request.level' in attributes);
  console.log(`${roots.length} root spans, ${tree.orphans().length} orphans`);
}

function reportLosses(stats) {
  let lossless = true;
  for (const [name, one] of Object.entries(stats)) {
    const losses = lossesOf(one);
    lossless &&= losses.length === 0;
    const lost = losses.map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none';
    console.log(`losses of the ${name}: ${lost} (${one.recorded} slices recorded, ${one.reader.delivered} delivered)`);
  }
  return lossless;
}

async function reportForward(forward) {
  if (!forward) return true;
  const problem = await forward.problem();
  console.log(problem ? `not forwarded to ${forward.url}: ${problem}` : `forwarded to ${forward.url}`);
  return problem === undefined;
}

function openFile(path) {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return new OtlpJsonFile(path);
  } catch (error) {
    throw new UsageError(`--out: ${error.message}`);
  }
}

function openTraces({ report, trace }) {
  try {
    mkdirSync(dirname(resolve(report)), { recursive: true });
    return startTraces(resolve(trace));
  } catch (error) {
    throw new UsageError(`--report or --trace: ${error.message}`);
  }
}

/** Whether gpuspan's addon is mapped into a process; false where the system does not tell. */
function mapsAddon(pid) {
  const maps = `/proc/${pid}/maps`;
  return (
    existsSync(maps) &&
    readFileSync(maps, 'utf8')
      .split('\n')
      .some((line) => /\/gpuspan[^/]*\.node$/.test(line))
  );
}

class UsageError extends Error {}

function readArguments() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    throw new UsageError(error.message);
  }
}

try {
  const options = readArguments();
  if (options.help) {
    console.log(USAGE);
  } else {
    const variables = setUpDevice(options.device);
    const run = options.off ? runUntraced : runTraced;
    process.exitCode = (await run({ ...options, variables })) ? 0 : 1;
  }
} catch (error) {
  console.error(`demo: ${error.message}${error instanceof UsageError ? `\n\n${USAGE}` : ''}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
