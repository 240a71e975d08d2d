// SPDX-License-Identifier: Apache-2.0
//
// GenAI attributes: current names, nothing invented, and whatever it is given, no throw and no senseless value.
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { genAiAttributes } from 'gpuspan/stages';
import { describe, expect, it } from 'vitest';

const CHAT = {
  operation: 'chat',
  provider: 'text-server',
  request: {
    ...{ model: 'small', max_tokens: 100, temperature: 0, top_p: 0.9, top_k: 40, seed: -7, n: 2, stream: true },
    ...{ stop: 'END', frequency_penalty: 0.5, presence_penalty: 0 },
  },
  response: {
    id: 'chatcmpl-1',
    model: 'small-2026',
    choices: [{ finish_reason: 'stop' }, { finish_reason: 'length' }],
    usage: {
      prompt_tokens: 12,
      completion_tokens: 34,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  },
  latency: { timeToFirstToken: 0.25, endToEnd: 2, prefill: 0.2 },
};

const CHAT_ATTRIBUTES = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'text-server',
  'gen_ai.request.model': 'small',
  'gen_ai.request.max_tokens': 100,
  'gen_ai.request.temperature': 0,
  'gen_ai.request.top_p': 0.9,
  'gen_ai.request.top_k': 40,
  'gen_ai.request.seed': -7,
  'gen_ai.request.choice.count': 2,
  'gen_ai.request.stream': true,
  'gen_ai.request.stop_sequences': ['END'],
  'gen_ai.request.frequency_penalty': 0.5,
  'gen_ai.request.presence_penalty': 0,
  'gen_ai.response.id': 'chatcmpl-1',
  'gen_ai.response.model': 'small-2026',
  'gen_ai.response.finish_reasons': ['stop', 'length'],
  'gen_ai.response.time_to_first_chunk': 0.25,
  'gen_ai.usage.input_tokens': 12,
  'gen_ai.usage.cache_read.input_tokens': 8,
  'gen_ai.usage.output_tokens': 34,
  'gen_ai.usage.reasoning.output_tokens': 0,
};

/** The registry that OpenTelemetry's own packages bring along. */
function registeredNames(): Set<string> {
  const require = createRequire(createRequire(import.meta.url).resolve('@opentelemetry/core'));
  const registry = require('@opentelemetry/semantic-conventions/incubating') as Record<string, unknown>;
  const names = Object.entries(registry).filter(([name]) => name.startsWith('ATTR_GEN_AI_'));
  return new Set(names.map(([, value]) => String(value)));
}

const REPLACED = ['gen_ai.system', 'gen_ai.usage.prompt_tokens', 'gen_ai.usage.completion_tokens'];

describe('genAiAttributes', () => {
  it('names what a chat server knows as the conventions do', () => {
    expect(genAiAttributes(CHAT)).toEqual(CHAT_ATTRIBUTES);
    const registered = registeredNames();
    expect(Object.keys(CHAT_ATTRIBUTES).filter((name) => !registered.has(name) || REPLACED.includes(name))).toEqual([]);
  });

  it("takes SGLang's form and that of OpenAI's responses", () => {
    expect(
      genAiAttributes({
        request: { max_new_tokens: 5 },
        usage: { prompt_tokens: 3, completion_tokens: 5, cached_tokens: 2, reasoning_tokens: 1 },
        finishReasons: [{ type: 'length', length: 5 }],
      }),
    ).toEqual({
      'gen_ai.request.max_tokens': 5,
      'gen_ai.usage.input_tokens': 3,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 2,
      'gen_ai.usage.reasoning.output_tokens': 1,
      'gen_ai.response.finish_reasons': ['length'],
    });
    expect(
      genAiAttributes({ usage: { input_tokens: 3, output_tokens: 5, input_tokens_details: { cached_tokens: 2 } } }),
    ).toEqual({
      'gen_ai.usage.input_tokens': 3,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 2,
    });
  });

  it('makes an array of a single finish reason, and says nothing of one answer in one piece', () => {
    expect(genAiAttributes({ finishReasons: 'stop', request: { n: 1, stream: false } })).toEqual({
      'gen_ai.response.finish_reasons': ['stop'],
    });
  });

  it('adds the names of SGLang on demand, and only then', () => {
    expect(genAiAttributes(CHAT, { sglangNames: true })).toEqual({
      ...CHAT_ATTRIBUTES,
      'gen_ai.request.n': 2,
      'gen_ai.usage.prompt_tokens': 12,
      'gen_ai.usage.completion_tokens': 34,
      'gen_ai.usage.cached_tokens': 8,
      'gen_ai.latency.time_to_first_token': 0.25,
      'gen_ai.latency.e2e': 2,
      'gen_ai.latency.time_in_model_prefill': 0.2,
    });
  });

  it('leaves out what makes no sense, and keeps the rest', () => {
    const hostile = {
      operation: '',
      provider: 7,
      request: {
        ...{ model: null, max_tokens: -1, max_completion_tokens: 9, temperature: Number.NaN, top_p: '1', top_k: 1.5 },
        ...{ n: 0.5, stop: [1, 'END', null], seed: 2 ** 60, stream: 'yes' },
      },
      response: {
        id: {},
        choices: [null, { finish_reason: 7 }, {}],
        get usage(): never {
          throw new Error('a getter of the application');
        },
      },
      latency: { timeToFirstToken: Number.POSITIVE_INFINITY },
    };
    expect(genAiAttributes(hostile)).toEqual({
      'gen_ai.request.max_tokens': 9,
      'gen_ai.request.stop_sequences': ['END'],
    });
    for (const nothing of [undefined, null, 7, 'facts', []]) expect(genAiAttributes(nothing as never)).toEqual({});
  });

  it('never throws, and gives only values that a span can have, whatever it is given', () => {
    const part = fc.oneof(
      fc.anything(),
      fc.dictionary(fc.constantFrom(...Object.keys(CHAT.request), 'usage', 'choices'), fc.anything()),
    );
    const facts = fc.dictionary(fc.constantFrom(...Object.keys(CHAT), 'usage', 'finishReasons'), part);
    fc.assert(
      fc.property(fc.oneof(facts, fc.anything()), fc.boolean(), (given, sglangNames) => {
        for (const [name, value] of Object.entries(genAiAttributes(given as never, { sglangNames }))) {
          expect(name).toMatch(/^gen_ai\.[a-z_.]+$/);
          if (Array.isArray(value)) expect(value.every((one) => typeof one === 'string' && one !== '')).toBe(true);
          else expect(['string', 'number', 'boolean']).toContain(typeof value);
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
        }
      }),
    );
  });
});
