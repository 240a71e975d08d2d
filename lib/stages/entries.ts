// SPDX-License-Identifier: Apache-2.0
//
// The stages and events of a model server, as data: name, level, what it means, and SGLang's name of the same thing
// (none: nobody traces it yet). Declared by index.ts, listed by catalogue.ts, printed by scripts/write-docs.mjs into
// docs/stages.md. A new entry goes where its group says; its name is kept for good, because dashboards know it.
import type { Level } from '../stage';

/** One stage or event. */
export interface Entry {
  readonly level: Level;
  /** One sentence. */
  readonly meaning: string;
  /** Its name in SGLang, where it has one. */
  readonly sglang?: string;
}

type Entries = Readonly<Record<string, Entry>>;

/** Between the client and the scheduler: the way in, the wait, the way out. */
export const REQUEST = {
  tokenize: { level: 1, meaning: 'The prompt becomes tokens.', sglang: 'tokenize' },
  api_server_dispatch: {
    level: 2,
    meaning: 'The front end hands the request to a scheduler or a data-parallel controller.',
    sglang: 'api_server_dispatch',
  },
  dpc_dispatch: {
    level: 2,
    meaning: 'The data-parallel controller picks a worker and hands the request on.',
    sglang: 'dpc_dispatch',
  },
  request_process: {
    level: 2,
    meaning: 'From the arrival in the scheduler to its waiting queue.',
    sglang: 'request_process',
  },
  retract_wait: {
    level: 1,
    meaning: 'A request that lost its memory to others (event retract) waits until it is scheduled again.',
  },
  detokenize: { level: 2, meaning: 'New tokens become text.' },
  stream_write: { level: 2, meaning: 'A piece of the answer is written to the client.' },
  stream_drain: { level: 2, meaning: 'The client reads more slowly than the model writes: the answer waits for it.' },
  quick_finish: {
    level: 1,
    meaning: 'The request ends without a forward pass, because its answer was known or it was refused.',
    sglang: 'quick_finish',
  },
  run_batch_cpu: { level: 4, meaning: 'The CPU part of running a batch.', sglang: 'run_batch_cpu' },
} as const satisfies Entries;

/** The prompt's pass through the model, and what a worker does that only prefills. */
export const PREFILL = {
  prefill_waiting: {
    level: 1,
    meaning: 'From the waiting queue to the first forward pass.',
    sglang: 'prefill_waiting',
  },
  prefill_queue_idle: {
    level: 2,
    meaning: 'The part of prefill_waiting before the scheduler first tried to admit the request.',
    sglang: 'prefill_queue_idle',
  },
  prefill_budget_wait: {
    level: 2,
    meaning: 'The part of prefill_waiting after that try: there was no room for its tokens.',
    sglang: 'prefill_budget_wait',
  },
  prefill_forward: { level: 1, meaning: 'The forward passes over the whole prompt.', sglang: 'prefill_forward' },
  vit_encode: { level: 1, meaning: 'Images of the prompt become embeddings.' },
  chunked_prefill: { level: 3, meaning: 'The forward pass over one chunk of the prompt.', sglang: 'chunked_prefill' },
  prefill_prepare: {
    level: 1,
    meaning: 'On a prefill worker: from the arrival to the queue for the connection with the decode worker.',
    sglang: 'prefill_prepare',
  },
  prefill_bootstrap: {
    level: 1,
    meaning: 'On a prefill worker: waits until the decode worker is connected and has room.',
    sglang: 'prefill_bootstrap',
  },
  prefill_transfer_kv_cache: {
    level: 1,
    meaning: 'On a prefill worker: the KV cache goes to the decode worker.',
    sglang: 'prefill_transfer_kv_cache',
  },
} as const satisfies Entries;

/** Token by token, and what a worker does that only decodes. */
export const DECODE = {
  decode_waiting: {
    level: 1,
    meaning: 'From the end of the prefill, or the arrival of its result, to the first decode step.',
    sglang: 'decode_waiting',
  },
  decode_forward: { level: 1, meaning: 'All decode steps of the request.', sglang: 'decode_forward' },
  decode_loop: {
    level: 3,
    meaning: 'One decode step; attribute or column decode_ct counts them.',
    sglang: 'decode_loop',
  },
  decode_prepare: {
    level: 1,
    meaning: 'On a decode worker: from the arrival to the queue for memory.',
    sglang: 'decode_prepare',
  },
  decode_bootstrap: {
    level: 1,
    meaning: 'On a decode worker: gets memory and connects to the prefill worker.',
    sglang: 'decode_bootstrap',
  },
  decode_transferred: {
    level: 1,
    meaning: 'On a decode worker: the KV cache arrives.',
    sglang: 'decode_transferred',
  },
  fake_output: {
    level: 3,
    meaning: 'On a decode worker: the batch of requests that were prefilled elsewhere is made up without computing.',
    sglang: 'fake_output',
  },
} as const satisfies Entries;

/** Speculative decoding: guesses that one forward pass checks. */
export const SPECULATIVE = {
  spec_draft: { level: 2, meaning: 'The draft model guesses tokens.', sglang: 'spec_draft' },
  spec_verify: {
    level: 2,
    meaning: 'The model checks the guesses; attribute or column accepted_tokens.',
    sglang: 'spec_verify',
  },
  spec_draft_extend: {
    level: 3,
    meaning: 'The draft model catches up with the tokens that were accepted.',
    sglang: 'spec_draft_extend',
  },
} as const satisfies Entries;

/** Pipeline parallelism: a micro-batch on its way through the ranks. Attribute pp_mb_id. */
export const PIPELINE = {
  pp_recv: { level: 3, meaning: 'Waits for and receives what the previous rank computed.' },
  pp_forward: { level: 2, meaning: 'This rank computes its layers for one micro-batch.' },
  pp_send: { level: 3, meaning: 'Sends the result to the next rank.' },
  pp_bubble: { level: 3, meaning: 'The rank idles for want of a micro-batch.' },
} as const satisfies Entries;

/**
 * What the host does around the GPU, and what the GPU does: with beginGpu the stream's own time. A module of its own, so
 * that it can be switched by itself. Those of the GPU have no lower level than the launch that is their parent.
 */
export const GPU = {
  gpu_launch: { level: 2, meaning: 'The host prepares and launches the work.' },
  gpu_wait: { level: 2, meaning: 'The host waits for the result.' },
  gpu_upload: { level: 3, meaning: 'GPU slice: a copy to the device.' },
  gpu_forward: { level: 2, meaning: 'GPU slice: the forward pass on the stream.' },
  gpu_sample: { level: 2, meaning: 'GPU slice: tokens are picked from the logits.' },
  gpu_download: { level: 3, meaning: 'GPU slice: a copy from the device.' },
} as const satisfies Entries;

/** KV cache from one machine to another. Module mooncake, as in SGLang. */
export const KV_TRANSFER = {
  mooncake_send: { level: 1, meaning: 'The sending side: from the first chunk to the last.', sglang: 'mooncake_send' },
  mooncake_recv: {
    level: 1,
    meaning: 'The receiving side: from the request to the last chunk.',
    sglang: 'mooncake_recv',
  },
  mooncake_worker_send: {
    level: 1,
    meaning: 'A transfer thread sends one chunk.',
    sglang: 'mooncake_worker_send',
  },
  mooncake_worker_send_session: {
    level: 2,
    meaning: 'The part of it that goes to one receiver.',
    sglang: 'mooncake_worker_send_session',
  },
  mooncake_worker_recv: {
    level: 1,
    meaning: 'A transfer thread receives one chunk.',
    sglang: 'mooncake_worker_recv',
  },
} as const satisfies Entries;

/** KV cache in memory and on storage. Module hicache; SGLang gives these no level, so that they are always recorded. */
export const CACHE = {
  hicache_l3_backup_enqueue: {
    level: 1,
    meaning: 'The scheduler queues a backup to storage.',
    sglang: 'hicache_l3_backup_enqueue',
  },
  hicache_l3_backup: { level: 1, meaning: 'A cache thread writes to storage.', sglang: 'hicache_l3_backup' },
  hicache_l3_prefetch_enqueue: {
    level: 1,
    meaning: 'The scheduler queues a prefetch from storage.',
    sglang: 'hicache_l3_prefetch_enqueue',
  },
  hicache_l3_prefetch_query: {
    level: 1,
    meaning: 'A cache thread asks storage what it has.',
    sglang: 'hicache_l3_prefetch_query',
  },
  hicache_l3_prefetch_transfer: {
    level: 1,
    meaning: 'A cache thread reads from storage.',
    sglang: 'hicache_l3_prefetch_transfer',
  },
} as const satisfies Entries;

/** Images and video. Module diffusion. */
export const DIFFUSION = {
  scheduler_dispatch: {
    level: 1,
    meaning: 'The scheduler hands the request to a worker.',
    sglang: 'scheduler_dispatch',
  },
  gpu_forward: { level: 2, meaning: 'A worker computes its part of the request.', sglang: 'gpu_forward' },
  text_encode: { level: 1, meaning: 'The prompt becomes embeddings.' },
  denoise: { level: 1, meaning: 'All denoising steps.' },
  denoise_step: { level: 3, meaning: 'One denoising step.' },
  vae_decode: { level: 1, meaning: 'The latents become pixels.' },
} as const satisfies Entries;

/** Before the first request. Module startup. */
export const STARTUP = {
  model_load: { level: 1, meaning: 'Weights are read and moved to the device.' },
  warm_up: { level: 1, meaning: 'The first passes: kernels are compiled, graphs captured, caches filled.' },
} as const satisfies Entries;

/** Instants of a request. */
export const EVENTS = {
  schedule: {
    level: 3,
    meaning: 'The request was put into a batch; attributes batch_size and forward_mode.',
    sglang: 'schedule',
  },
  retract: {
    level: 1,
    meaning: 'The request lost its memory to others and will be computed again.',
    sglang: 'retract',
  },
  first_token: { level: 1, meaning: 'The first token of the answer is known.' },
  spec_accept: { level: 3, meaning: 'Guesses were accepted; attribute accepted_tokens.', sglang: 'spec_accept' },
  client_abort: { level: 1, meaning: 'The client went away before the answer was complete.' },
  cancelled: { level: 1, meaning: 'A worker dropped the request because nobody waits for its answer.' },
} as const satisfies Entries;
