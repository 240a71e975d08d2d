// SPDX-License-Identifier: Apache-2.0
//
// Sends carriers to a real worker_thread and to a real process, by postMessage and over Node's IPC (JSON), and measures
// CPU, not time: that of both ends and of every thread they have, garbage collection and the kernel's part included
// (process.cpuUsage). A round is some hundred messages, each with what `request.carrier()` gives, which the other end
// adopts. The reference is a round of messages with carriers that were made before, at which the other end only looks.
// What the first takes beyond the second is what handing a request on costs. Used by bench/carrier.mjs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { QUICK } from './statistics.mjs';

const PEER = new URL('./carrier-peer.mjs', import.meta.url);
const MESSAGES = 512;
const ROUNDS = QUICK ? 10 : 100;
const WARM_UP = QUICK ? 5 : 15;

function cpuOfThisProcess() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** A worker_thread's CPU is this process's. */
async function openThread() {
  const worker = new Worker(PEER);
  await once(worker, 'message');
  return {
    send: (message) => worker.postMessage(message),
    answer: async () => (await once(worker, 'message'))[0],
    cpu: cpuOfThisProcess,
    close: () => worker.terminate(),
  };
}

async function openProcess() {
  const child = fork(PEER);
  await once(child, 'message');
  return {
    send: (message) => child.send(message),
    answer: async () => (await once(child, 'message'))[0],
    cpu: ({ cpu }) => cpuOfThisProcess() + cpu,
    async close() {
      child.disconnect();
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** CPU of a round, in nanoseconds a message. */
async function round(peer, before, sendAll) {
  const started = peer.cpu(before.answer);
  sendAll(peer);
  const answer = await peer.answer();
  // All have the same level, 1 or more; an inert one has -1.
  if (answer.levels < MESSAGES) throw new Error('an adopted request is inert');
  before.answer = answer;
  return ((peer.cpu(answer) - started) * 1000) / MESSAGES;
}

/** The other end is done with its requests. */
async function leaveAll(peer, before) {
  peer.send({ leave: true, last: true });
  before.answer = await peer.answer();
}

async function measure(peer, requests) {
  const ready = requests.map((request) => request.carrier());
  const sendCarriers = () => {
    for (let i = 1; i <= MESSAGES; i++)
      peer.send({ adopt: true, last: i === MESSAGES, trace: requests[i % requests.length].carrier() });
  };
  const sendReady = () => {
    for (let i = 1; i <= MESSAGES; i++)
      peer.send({ adopt: false, last: i === MESSAGES, trace: ready[i % ready.length] });
  };
  const before = { answer: { cpu: 0, levels: 0 } };
  const own = [];
  const other = [];
  for (let i = -WARM_UP; i < ROUNDS; i++) {
    const carried = await round(peer, before, sendCarriers);
    await leaveAll(peer, before);
    const bare = await round(peer, before, sendReady);
    if (i < 0) continue;
    own.push(carried);
    other.push(bare);
  }
  await peer.close();
  return { own, other };
}

/** CPU in nanoseconds a message, sent to a worker_thread: `own` with the carrier made and adopted, `other` without. */
export const crossThreads = async (requests) => measure(await openThread(), requests);
/** The same to another process. */
export const crossProcesses = async (requests) => measure(await openProcess(), requests);
