/* SPDX-License-Identifier: Apache-2.0
 *
 * A test addon in C99: what native code records besides slices, as details.test.ts does the same from JavaScript, with
 * arguments that are right and with arguments that are not.
 */
#include <gpuspan.h>
#include <stdlib.h>

#include "call.h"
#include "pool.h"

static gpuspan_stage load = GPUSPAN_STAGE("details", "load", 1);
static gpuspan_stage part = GPUSPAN_STAGE("details", "part", 2);
static gpuspan_stage fine = GPUSPAN_STAGE("details", "fine", 3);
static gpuspan_event_kind chunk = GPUSPAN_EVENT("details", "chunk", 1);
static gpuspan_event_kind fine_chunk = GPUSPAN_EVENT("details", "fine_chunk", 3);
static gpuspan_key bytes = GPUSPAN_KEY("bytes");
static gpuspan_key ratio = GPUSPAN_KEY("ratio");
static gpuspan_key last = GPUSPAN_KEY("last");
static gpuspan_key peer = GPUSPAN_KEY("peer");
static gpuspan_key long_text = GPUSPAN_KEY("long");
static gpuspan_key unnamed = GPUSPAN_KEY(NULL);

/* 300 times a character of two bytes, as JavaScript's 'é'.repeat(300). */
static const char* make_long_text(void) {
  static char text[601];
  size_t i;
  for (i = 0; i < 600; i += 2) {
    text[i] = (char)0xc3;
    text[i + 1] = (char)0xa9;
  }
  return text;
}

static void record_parts(gpuspan_request request, gpuspan_token outer, uint64_t time) {
  const gpuspan_attribute both[] = {gpuspan_int(&bytes, -5), gpuspan_text(&peer, "de\0co", 5)};
  const gpuspan_token first = gpuspan_begin_under(&part, request, outer);
  const gpuspan_token second = gpuspan_begin_under(&part, request, outer);
  gpuspan_event(&chunk, request, both, 2);
  gpuspan_event_at(&chunk, request, outer, time, both, 1);
  gpuspan_event_at(&chunk, request, first, 0, NULL, 0);
  gpuspan_fail(second, "the peer is gone");
  gpuspan_end(first);
  gpuspan_end_with(second, both, 2);
  gpuspan_end(gpuspan_begin_under(&part, request, 0));
}

/* (handle, start, end): one of everything, with good arguments. */
static napi_value record_everything(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  const gpuspan_request request = gpuspan_adopt(big(&in, 0));
  const gpuspan_attribute all[] = {gpuspan_int(&bytes, INT64_MAX), gpuspan_double(&ratio, 0.5), gpuspan_bool(&last, 0),
                                   gpuspan_string(&peer, "decode-3")};
  const gpuspan_attribute both[] = {gpuspan_int(&bytes, -5), gpuspan_text(&peer, "de\0co", 5)};
  const gpuspan_attribute one[] = {gpuspan_string(&long_text, make_long_text())};
  gpuspan_token outer;
  gpuspan_event(&chunk, request, NULL, 0);
  outer = gpuspan_begin(&load, request);
  gpuspan_set_int(outer, &bytes, 4096);
  gpuspan_set_bool(outer, &last, 7);
  gpuspan_set_string(outer, &peer, "prefill-1");
  gpuspan_set_text(outer, &long_text, "cut here", 3);
  record_parts(request, outer, big(&in, 1));
  gpuspan_record(&part, request, big(&in, 1), big(&in, 2), all, 4);
  gpuspan_event(&chunk, request, one, 1);
  gpuspan_end(outer);
  outer = gpuspan_begin(&load, request);
  gpuspan_set(outer, all, 4);
  gpuspan_set(outer, one, 1);
  gpuspan_end(outer);
  gpuspan_end(gpuspan_begin(&fine, request));
  gpuspan_event(&fine_chunk, request, all, 4);
  gpuspan_record(&fine, request, 1, 2, NULL, 0);
  gpuspan_request_set(request, all, 4);
  gpuspan_worker_set(request, both, 2);
  gpuspan_leave(request);
  return NULL;
}

/* (handle): arguments that make no sense, around slices that come out all the same. */
static napi_value record_nonsense(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  const gpuspan_request request = gpuspan_adopt(big(&in, 0));
  gpuspan_attribute odd[3] = {gpuspan_int(NULL, 1), gpuspan_int(&unnamed, 2), gpuspan_int(&bytes, 3)};
  gpuspan_attribute many[300];
  gpuspan_token token;
  size_t i;
  for (i = 0; i < 300; ++i) many[i] = gpuspan_int(&bytes, (int64_t)i);
  odd[2].type = 99;
  token = gpuspan_begin(&load, request);
  gpuspan_set_string(token, &peer, NULL);
  gpuspan_end(token);
  token = gpuspan_begin(&load, request);
  gpuspan_set(token, odd, 3);
  gpuspan_end_with(token, NULL, 5);
  token = gpuspan_begin(&load, request);
  gpuspan_set_text(token, &peer, make_long_text(), SIZE_MAX);
  gpuspan_end(token);
  token = gpuspan_begin(&load, request);
  gpuspan_fail(token, NULL);
  gpuspan_end_with(token, many, 300);
  gpuspan_event(&chunk, request, many, 300);
  gpuspan_leave(request);
  return NULL;
}

/* (handle, token): a request and a token that are not this thread's, or no more. */
static napi_value record_on(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  const gpuspan_request request = big(&in, 0);
  const gpuspan_token token = integer(&in, 1);
  const gpuspan_attribute one[] = {gpuspan_int(&bytes, 1)};
  gpuspan_set(token, one, 1);
  gpuspan_set_string(token, &peer, "nobody");
  gpuspan_fail(token, "nothing");
  gpuspan_end_with(token, one, 1);
  gpuspan_gpu_set(token, one, 1);
  gpuspan_gpu_set_bool(token, &last, 1);
  gpuspan_gpu_set_string(token, &peer, "nobody");
  gpuspan_event(&chunk, request, one, 1);
  gpuspan_event_at(&chunk, request, token, 1, one, 1);
  gpuspan_record(&load, request, 1, 2, one, 1);
  gpuspan_request_set(request, one, 1);
  gpuspan_worker_set(request, one, 1);
  return make_integer(env, gpuspan_begin_under(&load, request, token));
}

/* (request, stream): a GPU slice with an attribute of each kind. Returns its token. */
static napi_value record_gpu(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  const gpuspan_attribute both[] = {gpuspan_int(&bytes, 4096), gpuspan_double(&ratio, 0.5)};
  const gpuspan_gpu_token token = gpuspan_gpu_begin(&load, big(&in, 0), (void*)(uintptr_t)big(&in, 1));
  gpuspan_gpu_set(token, both, 2);
  gpuspan_gpu_set_string(token, &peer, "decode-3");
  gpuspan_gpu_set_text(token, &long_text, "cut here", 3);
  gpuspan_gpu_set_bool(token, &last, 1);
  gpuspan_gpu_end(token);
  return make_integer(env, token);
}

/* (handle, start, end): one retroactive slice, and an event at its end. */
static napi_value record_slice(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_event_at(&chunk, big(&in, 0), 0, big(&in, 2), NULL, 0);
  gpuspan_record(&load, big(&in, 0), big(&in, 1), big(&in, 2), NULL, 0);
  return NULL;
}

/* (address, bytes): takes of a table only so much, as if an older gpuspan were loaded. */
static napi_value use_older_api(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  const uint32_t size = integer(&in, 1);
  gpuspan_api* older = (gpuspan_api*)malloc(size);
  memcpy(older, (const void*)(uintptr_t)big(&in, 0), size);
  older->size = size;
  return make_integer(env, (uint32_t)gpuspan_use_api((uint64_t)(uintptr_t)older));
}

static napi_value min_size(napi_env env, napi_callback_info info) {
  (void)info;
  return make_integer(env, (uint32_t)GPUSPAN_API_MIN_SIZE);
}

static napi_value use_api(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, (uint32_t)gpuspan_use_api(big(&in, 0)));
}

/* (threads, named) */
static napi_value start_threads(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, pool_start(integer(&in, 0), integer(&in, 1) != 0 ? "KVTransfer" : NULL));
}
/* (handle, jobs): see pool_transfer. */
static napi_value transfer(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, pool_transfer(big(&in, 0), integer(&in, 1)));
}
static napi_value stop_threads(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  pool_stop();
  return NULL;
}

NAPI_MODULE_INIT() {
  define(env, exports, "everything", record_everything);
  define(env, exports, "nonsense", record_nonsense);
  define(env, exports, "recordOn", record_on);
  define(env, exports, "record", record_slice);
  define(env, exports, "recordGpu", record_gpu);
  define(env, exports, "useOlderApi", use_older_api);
  define(env, exports, "useApi", use_api);
  define(env, exports, "minSize", min_size);
  define(env, exports, "startThreads", start_threads);
  define(env, exports, "transfer", transfer);
  define(env, exports, "stopThreads", stop_threads);
  return exports;
}
