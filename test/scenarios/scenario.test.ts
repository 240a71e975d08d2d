// SPDX-License-Identifier: Apache-2.0
//
// A scenario that goes wrong fails, and says where.
import { describe, expect, it } from 'vitest';
import { play } from './scenario';

const SOON_MILLIS = 3_000;

describe('a scenario', () => {
  it('that hangs fails, and tells who has not ended and what they got', async () => {
    const parts = { first: { role: 'waitsForNothing' }, second: { role: 'waitsForNothing', off: true } };
    await expect(play('faulty', parts, {}, SOON_MILLIS)).rejects.toThrow(
      'the scenario hangs\n- first (waitsForNothing) got 0 messages and has not ended\n- second (waitsForNothing) got 0',
    );
  });

  it('of which a process throws fails with what that said', async () => {
    const playing = play('faulty', { worker: { role: 'throws' }, other: { role: 'takesOne' } });
    await expect(playing).rejects.toThrow(/worker ended early: 1\n- worker \(throws\) .*out of memory/s);
  });

  it('with a message to a process that it does not have fails', async () => {
    const playing = play('faulty', { worker: { role: 'sendsToNobody' } });
    await expect(playing).rejects.toThrow('worker sends to nobody: nobody');
  });

  it('that loses what it is not said to lose fails', async () => {
    const parts = { worker: { role: 'endsTwice' }, other: { role: 'takesOne' } };
    await expect(play('faulty', parts)).rejects.toThrow(/losses/);
    expect((await play('faulty', parts, { closed: 1 })).spans.map(({ name }) => name)).toEqual(['request']);
  });
});
