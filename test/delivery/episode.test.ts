// SPDX-License-Identifier: Apache-2.0
//
// Episode: the lines that an operator reads of a receiver that goes up and down, and what listeners are told.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Episode, type Failure, type Recovery } from '../../lib/sinks/episode';

const SECOND = 1_000;
const FAILS = 'export to there fails: refused; spans are lost until it succeeds again';

let lines: string[];
let failures: Failure[];
let recoveries: Recovery[];
let episode: Episode;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  lines = [];
  failures = [];
  recoveries = [];
  episode = new Episode({
    destination: 'there',
    warn: (line) => lines.push(line),
    onFailure: (failure) => failures.push(failure),
    onRecovery: (recovery) => recoveries.push(recovery),
  });
});

afterEach(() => void vi.useRealTimers());

function pass(millis: number): void {
  vi.advanceTimersByTime(millis);
}

/** Outages of a second that lose ten spans each, a second apart. */
function flap(times: number): void {
  for (let i = 0; i < times; i++) {
    episode.failed('refused', 10);
    pass(SECOND);
    episode.succeeded(0);
    pass(SECOND);
  }
}

it('says two lines of one outage, at once', () => {
  flap(1);
  expect(lines).toEqual([FAILS, 'export to there succeeds again; 10 spans were lost']);
});

it('says at most two lines a minute of a receiver that goes up and down, and all outages and losses are in them', () => {
  flap(300); // ten minutes
  expect(lines.length).toBeLessThanOrEqual(2 * 11);
  pass(60 * SECOND);
  episode.succeeded(0);
  const ends = lines.filter((line) => line.startsWith('export to there succeeds'));
  const sum = (pattern: RegExp, without: number): number =>
    ends.reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? without), 0);
  expect(sum(/; (\d+) spans were lost/, 0)).toBe(3_000);
  expect(sum(/; outages: (\d+)$/, 1)).toBe(300);
});

it('says an outage that outlasts the quiet minute after another one, with how many had no line', () => {
  flap(3);
  lines = [];
  episode.failed('refused', 10);
  expect(lines).toEqual([]);
  pass(60 * SECOND);
  episode.failed('refused', 10);
  expect(lines).toEqual([`${FAILS}; outages before it without a line: 2`]);
  episode.succeeded(0);
  expect(lines.slice(1)).toEqual(['export to there succeeds again; 40 spans were lost; outages: 3']);
});

it('says what had no line when the receiver stays up', () => {
  flap(3);
  lines = [];
  episode.succeeded(0);
  expect(lines).toEqual([]);
  pass(60 * SECOND);
  episode.succeeded(0);
  episode.succeeded(0);
  expect(lines).toEqual(['export to there succeeds again; 20 spans were lost; outages: 2']);
});

it('says an outage at once again after a minute without', () => {
  flap(1);
  pass(60 * SECOND);
  flap(1);
  expect(lines).toHaveLength(4);
  expect(lines.slice(2)).toEqual(lines.slice(0, 2));
});

it('says an outage at once when the end is near', () => {
  flap(1);
  episode.hurry();
  episode.failed('refused', 10);
  expect(lines.slice(2)).toEqual([FAILS]);
});

it('says at most once a minute that a receiver takes only a part', () => {
  for (let i = 0; i < 100; i++) {
    episode.succeeded(i % 2);
    pass(SECOND);
  }
  expect(lines).toEqual(Array(2).fill(expect.stringMatching(/^there accepts only part of what it is sent/)));
});

it('tells listeners of every outage', () => {
  flap(3);
  expect(failures.map(({ first }) => first)).toEqual([true, true, true]);
  expect(recoveries).toEqual(Array(3).fill({ destination: 'there', lostSpans: 10 }));
});
