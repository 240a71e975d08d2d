// SPDX-License-Identifier: Apache-2.0
//
// Every way a receiver can fail, through a real process that records far more than its ring holds: memory stays bounded,
// at most two requests are open, every slice is accounted for by reason and delivered means arrived, one line says that it
// began and one that it is over, and delivery goes on without a restart.
import { describe, expect, it, vi } from 'vitest';
import { growthLimit } from '../process-memory';
import {
  BEGIN,
  count,
  END,
  expectBalanced,
  flushAll,
  SHORT,
  startGrpc,
  startHttp,
  startProcess,
  startReceiver,
  WAIT,
} from './outage';
import type { ToldProcess } from './told-process';
import { type GrpcAnswer, type HttpExchange, type Protocol, pauseOf, type Unruly } from './unruly-receiver';

/** Their encoded spans would take 130 MB. */
const FLOOD_SLICES = 520_000;
const MEMORY_MIB = 64;
// Each is a process with a delivery worker.
vi.setConfig({ maxConcurrency: 4, testTimeout: 120_000 });

interface Outage {
  readonly begin: () => unknown;
  readonly end: () => unknown;
  /** Requests that have to come meanwhile. */
  readonly requests: number;
  /** Exports have to fail; one that the exporter itself repeats in time does not. */
  readonly fails: boolean;
  /** What the reader may lose slices by. */
  readonly losses: readonly string[];
}

/** From good days through an outage back to good days. Returns what was said. */
async function survive(told: ToldProcess, receiver: Unruly, outage: Outage): Promise<string> {
  await told.tell({ type: 'record', requests: 10 });
  await flushAll(told);
  expect(receiver.books.slices.size).toBe(100);
  const before = await told.rss();

  await outage.begin();
  const arrived = receiver.books.arrivals.length;
  await told.tell({ type: 'flood', slices: FLOOD_SLICES });
  if (outage.fails) await vi.waitFor(() => expect(told.stderr).toMatch(BEGIN), WAIT);
  await vi.waitFor(
    () => expect(receiver.books.arrivals.length - arrived).toBeGreaterThanOrEqual(outage.requests),
    WAIT,
  );
  expect((await told.rss()) - before).toBeLessThan(growthLimit(MEMORY_MIB));

  await outage.end();
  await flushAll(told);
  const { delivered } = (await told.stats()).reader;
  await told.tell({ type: 'record', requests: 10 });
  await flushAll(told);
  expect((await told.stats()).reader.delivered - delivered).toBe(100);

  const stats = await told.stats();
  expectBalanced(stats, receiver);
  expect(stats.recorded).toBe(FLOOD_SLICES + 200);
  expect(Object.keys(stats.lost)).toEqual(['ring']);
  expect(Object.keys(stats.reader.lost)).toEqual(outage.losses);
  expect(receiver.books.mostOpen).toBeLessThanOrEqual(2);
  await told.shutdown();
  expect(await told.ended).toBe(0);
  expect(receiver.books.slices.size).toBe(stats.reader.delivered); // nothing was kept back
  return told.stderr;
}

// A machine that is busy with other things may keep an export waiting for its whole timeout: an outage, too.
const TIMED_OUT = /Request timed out|DEADLINE_EXCEEDED/;

/** One line when it begins, with its error, one when it ends, and nothing else. */
function expectOneEpisode(said: string, error: RegExp): void {
  const lines = said.trim().split('\n');
  const kinds = lines.map((line) => (count(line, BEGIN) === 1 ? 'begin' : count(line, END) === 1 ? 'end' : line));
  expect(kinds).toEqual(lines.map((_, index) => (index % 2 === 0 ? 'begin' : 'end')));
  expect(lines.length % 2).toBe(0);
  const begun = lines.filter((_, index) => index % 2 === 0);
  const others = begun.filter((line) => !error.test(line));
  expect(begun.length - others.length).toBe(TIMED_OUT.test(error.source) ? begun.length : 1);
  for (const line of others) expect(line).toMatch(TIMED_OUT);
}

describe.concurrent('an outage', () => {
  it.for<Protocol>(['http/protobuf', 'http/json', 'grpc'])(
    'of a receiver that goes down and comes back, over %s',
    async (protocol, context) => {
      const receiver = await startReceiver(protocol, context);
      const said = await survive(await startProcess(receiver, context, protocol, SHORT), receiver, {
        begin: () => receiver.close(),
        end: () => receiver.listen(),
        requests: 0,
        fails: true,
        losses: [],
      });
      expectOneEpisode(said, /fails: .*ECONNREFUSED/);
    },
  );

  it.for<Protocol>(['http/protobuf', 'grpc'])(
    'of a receiver that is down at the start, over %s',
    async (protocol, context) => {
      const receiver = await startReceiver(protocol, context);
      await receiver.close();
      const told = await startProcess(receiver, context, protocol, SHORT);
      await told.tell({ type: 'record', requests: 10 });
      await vi.waitFor(() => expect(told.stderr).toMatch(/fails: .*ECONNREFUSED/), WAIT);
      await receiver.listen();
      await flushAll(told);
      const stats = await told.stats();
      expect(stats).toMatchObject({ recorded: 100, lost: {}, reader: { delivered: 100, owners: 20, lost: {} } });
      expectBalanced(stats, receiver);
      await told.shutdown();
      await told.ended;
      expectOneEpisode(told.stderr, /ECONNREFUSED/);
    },
  );

  it.for<Protocol>(['http/protobuf', 'http/json', 'grpc'])(
    'of a receiver that never answers, over %s',
    async (protocol, context) => {
      const receiver = protocol === 'grpc' ? await startGrpc(context) : await startHttp(context);
      const said = await survive(await startProcess(receiver, context, protocol, SHORT), receiver, {
        begin: () => {
          receiver.answer = () => undefined;
        },
        end: () => {
          receiver.answer = undefined;
        },
        requests: 3,
        fails: true,
        losses: [],
      });
      expectOneEpisode(said, protocol === 'grpc' ? /fails: .*DEADLINE_EXCEEDED/ : /fails: Request timed out/);
    },
  );

  it('of a receiver that takes what it is sent and answers when nobody listens any more', async (context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context, 'http/protobuf', SHORT), receiver, {
      begin: () => {
        receiver.answer = ({ keep, response }) => {
          keep();
          setTimeout(() => response.end(), 4_000);
        };
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: [],
    });
    expectOneEpisode(said, /fails: Request timed out/);
  });

  it('of a receiver that is slow but not too slow is none', async (context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context), receiver, {
      begin: () => {
        receiver.answer = ({ accept }) => setTimeout(accept, 200);
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: false,
      losses: [],
    });
    expect(said).toBe('');
  });
});

describe.concurrent('a receiver that asks for a pause', () => {
  it.for<readonly [Protocol, number, string, () => string]>([
    ['http/protobuf', 429, 'seconds', () => '2'],
    ['http/protobuf', 503, 'a date', () => new Date(Date.now() + 3_000).toUTCString()],
    ['http/json', 503, 'seconds', () => '2'],
    ['http/json', 429, 'a date', () => new Date(Date.now() + 3_000).toUTCString()],
  ])('gets it, over %s with %i and Retry-After in %s', async ([protocol, status, , retryAfter], context) => {
    const receiver = await startHttp(context);
    let askedAt = Infinity;
    const said = await survive(await startProcess(receiver, context, protocol, SHORT), receiver, {
      begin: () => {
        receiver.answer = ({ response }) => {
          askedAt = Math.min(askedAt, performance.now());
          response.writeHead(status, { 'retry-after': retryAfter() }).end();
        };
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: [],
    });
    expectOneEpisode(said, /fails: the receiver asks to be tried later/);
    // The other request may have been on its way.
    const meanwhile = receiver.books.arrivals.filter((at) => at > askedAt && at < askedAt + 1_500);
    expect(meanwhile.length).toBeLessThanOrEqual(1);
  });

  it('gets it although the exporter would wait for longer itself', async (context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context), receiver, {
      begin: () => {
        receiver.answer = ({ response }) => response.writeHead(503, { 'retry-after': '1' }).end();
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: false,
      losses: [],
    });
    expect(said).toBe(''); // within one export, so nothing failed
  });

  it.for<readonly [string, GrpcAnswer]>([
    ['UNAVAILABLE', { code: 14, details: 'try later' }],
    ['UNAVAILABLE with a pause', { code: 14, details: 'try later', metadata: pauseOf(2) }],
    ['RESOURCE_EXHAUSTED with a pause', { code: 8, details: 'try later', metadata: pauseOf(2) }],
  ])('is tried again, over grpc with %s', async ([name, refusal], context) => {
    const receiver = await startGrpc(context);
    let askedAt = Infinity;
    const said = await survive(await startProcess(receiver, context, 'grpc'), receiver, {
      begin: () => {
        receiver.answer = ({ answer }) => {
          askedAt = Math.min(askedAt, performance.now());
          answer(refusal);
        };
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: [],
    });
    expectOneEpisode(said, /fails: (14 UNAVAILABLE|8 RESOURCE_EXHAUSTED): try later/);
    const meanwhile = receiver.books.arrivals.filter((at) => at > askedAt && at < askedAt + 1_500);
    if (name.includes('pause')) expect(meanwhile.length).toBeLessThanOrEqual(1);
  });

  it('over grpc with RESOURCE_EXHAUSTED alone asks for none: the request may be too large', async (context) => {
    const receiver = await startGrpc(context);
    const said = await survive(await startProcess(receiver, context, 'grpc'), receiver, {
      begin: () => {
        receiver.answer = ({ answer }) => answer({ code: 8, details: 'too large' });
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: ['export_failed'],
    });
    expectOneEpisode(said, /fails: 8 RESOURCE_EXHAUSTED: too large/);
  });
});

const HTML = '<!doctype html><title>Welcome</title>';
const FIVE_MEBIBYTES = Buffer.alloc(5 * 2 ** 20, 'x');

describe.concurrent('connections that are cut', () => {
  it.for<readonly [string, (exchange: HttpExchange) => void]>([
    ['before the answer', ({ socket }) => socket.destroy()],
    ['by a reset before the answer', ({ socket }) => socket.resetAndDestroy()],
    ['within the headers', ({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
    [
      'within an answer that is no success',
      ({ socket }) => socket.end('HTTP/1.1 503 Busy\r\ncontent-length: 9\r\n\r\nno'),
    ],
  ])('%s are no loss', async ([, answer], context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context, 'http/protobuf', SHORT), receiver, {
      begin: () => {
        receiver.answer = answer;
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: [],
    });
    expectOneEpisode(said, /ECONNRESET|EPIPE|socket hang up|aborted|Parse Error|later/);
  });

  it('within a success are one: the status has said that it arrived', async (context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context), receiver, {
      begin: () => {
        receiver.answer = ({ keep, socket }) => {
          keep();
          socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nno');
        };
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: false,
      losses: [],
    });
    expect(said).toBe('');
  });
});

describe.concurrent('an answer that is no OTLP', () => {
  it.for<readonly [string, Protocol, (exchange: HttpExchange) => void, RegExp]>([
    [
      'HTML',
      'http/protobuf',
      ({ response }) => response.setHeader('content-type', 'text/html').end(HTML),
      /is this an OTLP endpoint/,
    ],
    [
      'HTML',
      'http/json',
      ({ response }) => response.setHeader('content-type', 'text/html').end(HTML),
      /is this an OTLP endpoint/,
    ],
    ['an array', 'http/json', ({ response }) => response.end('[1]'), /is this an OTLP endpoint/],
    [
      'half an object',
      'http/protobuf',
      ({ response }) => response.end('{"partialSuccess":'),
      /is this an OTLP endpoint/,
    ],
    [
      'random bytes',
      'http/protobuf',
      ({ response }) => response.end(Buffer.from([0xff, 0xff, 0xff])),
      /is this an OTLP endpoint/,
    ],
    [
      'five megabytes',
      'http/protobuf',
      ({ response }) => response.end(FIVE_MEBIBYTES),
      /response body exceeded size limit/,
    ],
    ['status 404', 'http/protobuf', ({ response }) => response.writeHead(404).end(HTML), /fails: Not Found/],
  ])('but %s is a loss, over %s', async ([, protocol, answer, error], context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context, protocol), receiver, {
      begin: () => {
        receiver.answer = answer;
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: ['export_failed'],
    });
    expectOneEpisode(said, error);
  });

  it('nor HTTP is none either, and sent again', async (context) => {
    const receiver = await startHttp(context);
    const said = await survive(await startProcess(receiver, context), receiver, {
      begin: () => {
        receiver.answer = ({ socket }) => socket.end('220 mail.example ESMTP\r\n');
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: true,
      losses: [],
    });
    expectOneEpisode(said, /fails: Parse Error/);
  });
});

// ExportTraceServiceResponse with partial_success.rejected_spans below 2^14.
const rejection = (spans: number) => Buffer.from([0x0a, 3, 0x08, (spans & 0x7f) | 0x80, spans >> 7]);

describe.concurrent('a partial success', () => {
  const expectSaidOnce = (said: string) =>
    expect(said).toMatch(
      /^gpuspan: \S+ accepts only part of what it is sent; what it does not is counted as rejected\n$/,
    );

  it.for<Protocol>(['http/protobuf', 'http/json'])(
    'costs what the receiver rejects, over %s',
    async (protocol, context) => {
      const receiver = await startHttp(context);
      const said = await survive(await startProcess(receiver, context, protocol), receiver, {
        begin: () => {
          receiver.answer = ({ spans, response }) =>
            response.end(
              protocol === 'http/json'
                ? JSON.stringify({ partialSuccess: { rejectedSpans: `${spans()}` } })
                : rejection(spans()),
            );
        },
        end: () => {
          receiver.answer = undefined;
        },
        requests: 3,
        fails: false,
        losses: ['rejected'],
      });
      expectSaidOnce(said);
    },
  );

  it('costs what the receiver rejects, over grpc', async (context) => {
    const receiver = await startGrpc(context);
    const said = await survive(await startProcess(receiver, context, 'grpc'), receiver, {
      begin: () => {
        receiver.answer = ({ spans, answer }) => answer(rejection(spans()));
      },
      end: () => {
        receiver.answer = undefined;
      },
      requests: 3,
      fails: false,
      losses: ['rejected'],
    });
    expectSaidOnce(said);
  });
});
