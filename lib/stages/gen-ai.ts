// SPDX-License-Identifier: Apache-2.0
//
// What a model server knows of a request, as attributes under the names of OpenTelemetry's GenAI conventions. Called
// by application code when a request starts or ends, on any thread. Pure; whatever it is given it never throws: what
// has the wrong type or range is left out.
import type { Attributes, AttributeValue } from '../attributes';

/** Sampling parameters as clients send them; names of OpenAI's API, and SGLang's `max_new_tokens`. */
export interface GenAiRequest {
  readonly model?: unknown;
  readonly max_tokens?: unknown;
  readonly max_completion_tokens?: unknown;
  readonly max_new_tokens?: unknown;
  readonly temperature?: unknown;
  readonly top_p?: unknown;
  readonly top_k?: unknown;
  readonly frequency_penalty?: unknown;
  readonly presence_penalty?: unknown;
  readonly seed?: unknown;
  /** How many answers. */
  readonly n?: unknown;
  readonly stop?: unknown;
  readonly stream?: unknown;
}

/** Token counts: OpenAI's names of both its APIs, or SGLang's. */
export interface GenAiUsage {
  readonly prompt_tokens?: unknown;
  readonly input_tokens?: unknown;
  readonly completion_tokens?: unknown;
  readonly output_tokens?: unknown;
  readonly cached_tokens?: unknown;
  readonly reasoning_tokens?: unknown;
  readonly prompt_tokens_details?: unknown;
  readonly input_tokens_details?: unknown;
  readonly completion_tokens_details?: unknown;
  readonly output_tokens_details?: unknown;
}

/** A response object of OpenAI's API, or the parts of one. */
export interface GenAiResponse {
  readonly id?: unknown;
  readonly model?: unknown;
  readonly usage?: GenAiUsage | null | undefined;
  readonly choices?: unknown;
}

/** Seconds. */
export interface GenAiLatency {
  readonly timeToFirstToken?: number | undefined;
  readonly endToEnd?: number | undefined;
  readonly queue?: number | undefined;
  readonly prefill?: number | undefined;
  readonly decode?: number | undefined;
  readonly inference?: number | undefined;
}

/** What is known of a request; all of it optional, bodies of a client's request and of the answer as they are. */
export interface GenAiFacts {
  /** `chat`, `text_completion`, `embeddings`, ... */
  readonly operation?: unknown;
  /** Who serves the model: `openai`, a name of your own, ... */
  readonly provider?: unknown;
  readonly request?: GenAiRequest | null | undefined;
  readonly response?: GenAiResponse | null | undefined;
  /** Default: the response's. */
  readonly usage?: GenAiUsage | null | undefined;
  /** One, or one for each answer. Default: those of the response's choices. */
  readonly finishReasons?: unknown;
  readonly latency?: GenAiLatency | null | undefined;
}

export interface GenAiOptions {
  /**
   * Also the names that SGLang sets and the conventions do not have (any more), for dashboards made for them:
   * `gen_ai.usage.prompt_tokens`, `.completion_tokens`, `.cached_tokens`, `gen_ai.request.n`, `gen_ai.latency.*`.
   */
  readonly sglangNames?: boolean;
}

/** More answers than an attribute has places. */
const MOST_REASONS = 255;

/**
 * The attributes for `tracer.request({ attributes })`, `request.setAttributes` or `finish({ attributes })`. Of
 * latencies the conventions know the time to the first token; the others are what slices show, and are set with
 * `sglangNames` only.
 */
export function genAiAttributes(facts: GenAiFacts | null | undefined, options?: GenAiOptions): Attributes {
  const found: Record<string, AttributeValue> = {};
  const [request, response, latency] = ['request', 'response', 'latency'].map((key) => get(facts, key));
  const usage = get(facts, 'usage') ?? get(response, 'usage');
  const tokens = countTokens(usage);

  set(found, 'gen_ai.operation.name', text(get(facts, 'operation')));
  set(found, 'gen_ai.provider.name', text(get(facts, 'provider')));
  setRequest(found, request);
  set(found, 'gen_ai.response.id', text(get(response, 'id')));
  set(found, 'gen_ai.response.model', text(get(response, 'model')));
  set(found, 'gen_ai.response.finish_reasons', finishReasons(get(facts, 'finishReasons') ?? get(response, 'choices')));
  set(found, 'gen_ai.response.time_to_first_chunk', seconds(get(latency, 'timeToFirstToken')));
  set(found, 'gen_ai.usage.input_tokens', tokens.input);
  set(found, 'gen_ai.usage.cache_read.input_tokens', tokens.cached);
  set(found, 'gen_ai.usage.output_tokens', tokens.output);
  set(found, 'gen_ai.usage.reasoning.output_tokens', tokens.reasoning);
  if (get(options, 'sglangNames') === true) setSglangNames(found, request, tokens, latency);
  return found;
}

function setRequest(found: Record<string, AttributeValue>, request: unknown): void {
  const most = ['max_tokens', 'max_completion_tokens', 'max_new_tokens'].map((key) => count(get(request, key)));
  set(found, 'gen_ai.request.model', text(get(request, 'model')));
  set(found, 'gen_ai.request.max_tokens', most.find(isSet));
  set(found, 'gen_ai.request.temperature', finite(get(request, 'temperature')));
  set(found, 'gen_ai.request.top_p', finite(get(request, 'top_p')));
  set(found, 'gen_ai.request.top_k', whole(get(request, 'top_k')));
  set(found, 'gen_ai.request.frequency_penalty', finite(get(request, 'frequency_penalty')));
  set(found, 'gen_ai.request.presence_penalty', finite(get(request, 'presence_penalty')));
  set(found, 'gen_ai.request.seed', whole(get(request, 'seed')));
  set(found, 'gen_ai.request.stop_sequences', texts(get(request, 'stop')));
  // The conventions want these two where they say something: several answers, an answer in pieces.
  const answers = count(get(request, 'n'));
  if (answers !== 1) set(found, 'gen_ai.request.choice.count', answers);
  if (get(request, 'stream') === true) set(found, 'gen_ai.request.stream', true);
}

interface Tokens {
  readonly input: number | undefined;
  readonly cached: number | undefined;
  readonly output: number | undefined;
  readonly reasoning: number | undefined;
}

function countTokens(usage: unknown): Tokens {
  const first = (...values: unknown[]) => values.map(count).find(isSet);
  const inputs = get(usage, 'prompt_tokens_details') ?? get(usage, 'input_tokens_details');
  const outputs = get(usage, 'completion_tokens_details') ?? get(usage, 'output_tokens_details');
  return {
    input: first(get(usage, 'prompt_tokens'), get(usage, 'input_tokens')),
    cached: first(get(inputs, 'cached_tokens'), get(usage, 'cached_tokens')),
    output: first(get(usage, 'completion_tokens'), get(usage, 'output_tokens')),
    reasoning: first(get(outputs, 'reasoning_tokens'), get(usage, 'reasoning_tokens')),
  };
}

function setSglangNames(
  found: Record<string, AttributeValue>,
  request: unknown,
  tokens: Tokens,
  latency: unknown,
): void {
  set(found, 'gen_ai.request.n', count(get(request, 'n')));
  set(found, 'gen_ai.usage.prompt_tokens', tokens.input);
  set(found, 'gen_ai.usage.completion_tokens', tokens.output);
  set(found, 'gen_ai.usage.cached_tokens', tokens.cached);
  set(found, 'gen_ai.latency.time_to_first_token', seconds(get(latency, 'timeToFirstToken')));
  set(found, 'gen_ai.latency.e2e', seconds(get(latency, 'endToEnd')));
  set(found, 'gen_ai.latency.time_in_queue', seconds(get(latency, 'queue')));
  set(found, 'gen_ai.latency.time_in_model_prefill', seconds(get(latency, 'prefill')));
  set(found, 'gen_ai.latency.time_in_model_decode', seconds(get(latency, 'decode')));
  set(found, 'gen_ai.latency.time_in_model_inference', seconds(get(latency, 'inference')));
}

/** The conventions want an array, also of one. SGLang's reasons are objects with a `type`, a choice has `finish_reason`. */
function finishReasons(given: unknown): readonly string[] | undefined {
  const reasons = list(given)
    .map((one) => text(one) ?? text(get(one, 'finish_reason')) ?? text(get(one, 'type')))
    .filter(isSet);
  return reasons.length === 0 ? undefined : reasons;
}

/** A property of something that may be anything: proxies and getters may throw. */
function get(from: unknown, key: string): unknown {
  if (typeof from !== 'object' || from === null) return undefined;
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function set(found: Record<string, AttributeValue>, key: string, value: AttributeValue | undefined): void {
  if (value !== undefined) found[key] = value;
}

function isSet<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function texts(value: unknown): readonly string[] | undefined {
  const found = list(value).map(text).filter(isSet);
  return found.length === 0 ? undefined : found;
}

/** A plain copy, of at most as many elements as an attribute takes. */
function list(value: unknown): unknown[] {
  try {
    if (!Array.isArray(value)) return value === undefined || value === null ? [] : [value];
    return Array.from({ length: Math.min(value.length, MOST_REASONS) }, (_, i) => get(value, String(i)));
  } catch {
    return [];
  }
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function count(value: unknown): number | undefined {
  const number = whole(value);
  return number !== undefined && number >= 0 ? number : undefined;
}

function seconds(value: unknown): number | undefined {
  const number = finite(value);
  return number !== undefined && number >= 0 ? number : undefined;
}
