// SPDX-License-Identifier: Apache-2.0
//
// A receiver that only stores bytes, in a process of its own: it must not compete with what is measured for a thread. Run
// by run.mjs. Answers 'count' with what it has stored since the last count.
import { openSync, readSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { countSpans } from './count-spans.mjs';

const [, , path] = process.argv;
const file = openSync(path, 'w+');
/** Lengths of the requests stored. */
let stored = [];
/** Where the next one goes in the file. */
let end = 0;

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    end += writeSync(file, body, 0, body.length, end);
    stored.push(body.length);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    response.end();
  });
})
  .on('listening', function () {
    process.send({ port: this.address().port });
  })
  .listen(0, '127.0.0.1');

process.on('message', () => {
  let spans = 0;
  let at = 0;
  for (const length of stored) {
    const body = Buffer.alloc(length);
    readSync(file, body, 0, length, at);
    spans += countSpans(body);
    at += length;
  }
  process.send({ spans, bytes: at, requests: stored.length });
  stored = [];
  end = 0;
});

process.on('disconnect', () => process.exit(0));
