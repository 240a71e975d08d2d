// SPDX-License-Identifier: Apache-2.0
//
// Started by set-up-and-reader.test.ts with the mount point of a small tmpfs: opens a segment there, fills what is left,
// then looks at everything the addon shows of all lanes. Prints one JSON line; a touched hole ends it with SIGBUS.
const { closeSync, openSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { loadNative } = require(join(__dirname, '..', '..', 'dist', 'native.js'));

const LANES = 8;
const AT = { lanesOffset: 112, laneStride: 120 };
const directory = process.argv[2];
const { native, reason } = loadNative();
if (reason !== undefined) throw new Error(reason);
native.open({
  lanes: LANES,
  ringSlots: 64,
  requestTtlMillis: 0,
  clock: 'auto',
  directory,
  device: 'none',
  cudaLibrary: '',
});
const ranks = { tpRank: -1, ppRank: -1, dpRank: -1, epRank: -1, gpuIndex: -1, gpuUuid: '' };
native.attach({ label: 'main', threadId: 0, ...ranks });

/** Whether the file system is full now. */
function fill() {
  const file = openSync(join(directory, 'filler'), 'w', 0o600);
  const page = Buffer.alloc(4096);
  try {
    for (;;) writeSync(file, page);
  } catch (error) {
    return error.code === 'ENOSPC';
  } finally {
    closeSync(file);
  }
}

const full = fill();
const header = Buffer.alloc(256);
native.read(0, header.length, header);
const laneAt = (lane) =>
  Number(header.readBigUInt64LE(AT.lanesOffset) + BigInt(lane) * header.readBigUInt64LE(AT.laneStride));
let read = false;
let advanced = false;
for (let lane = 1; lane < LANES; ++lane) {
  read ||= native.read(laneAt(lane), 8, new Uint8Array(8));
  advanced ||= native.advance(lane, 0, 0, 0, 0);
}
console.log(JSON.stringify({ full, lanes: native.stats().lanes.length, read, advanced }));
