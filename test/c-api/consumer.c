/* SPDX-License-Identifier: Apache-2.0
 *
 * A test addon in C99 that uses gpuspan.h as a user's would and shows its functions to JavaScript one by one. Tokens
 * and handles pass through unchecked, so the tests can hand in made-up ones.
 */
#include <gpuspan.h>

#include "call.h"
#include "opencl.h"
#include "threads.h"

static gpuspan_stage stages[] = {
    GPUSPAN_STAGE("native", "load", 1),     GPUSPAN_STAGE("native", "run", 2),
    GPUSPAN_STAGE("native", "detail", 4),   GPUSPAN_STAGE("native", "impossible", 9),
    GPUSPAN_STAGE("elsewhere", "other", 1),
};
static gpuspan_key keys[] = {GPUSPAN_KEY("tokens"), GPUSPAN_KEY("ratio")};

static gpuspan_stage* stage(const call* in, size_t at) {
  return &stages[integer(in, at) % (sizeof stages / sizeof stages[0])];
}
static napi_value available(napi_env env, napi_callback_info info) {
  (void)info;
  return make_integer(env, gpuspan_find_api() != NULL);
}
static napi_value use_api(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, (uint32_t)gpuspan_use_api(big(&in, 0)));
}
/* The address of readable memory that is no table. */
static napi_value decoy(napi_env env, napi_callback_info info) {
  static const uint64_t memory[16] = {0};
  (void)info;
  return make_big(env, (uint64_t)(uintptr_t)memory);
}
static napi_value adopt(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_big(env, gpuspan_adopt(big(&in, 0)));
}
static napi_value leave(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_leave(big(&in, 0));
  return NULL;
}
static napi_value begin(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, gpuspan_begin(stage(&in, 0), big(&in, 1)));
}
static napi_value end(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_end(integer(&in, 0));
  return NULL;
}
static napi_value next(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, gpuspan_next(integer(&in, 0), stage(&in, 1), big(&in, 2)));
}
static napi_value set_int(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_set_int(integer(&in, 0), &keys[0], (int64_t)real(&in, 1));
  return NULL;
}
static napi_value set_double(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_set_double(integer(&in, 0), &keys[1], real(&in, 1));
  return NULL;
}
static napi_value gpu_begin(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, gpuspan_gpu_begin(stage(&in, 0), big(&in, 1), (void*)(uintptr_t)big(&in, 2)));
}
static napi_value gpu_end(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  gpuspan_gpu_set_int(integer(&in, 0), &keys[0], 1);
  gpuspan_gpu_set_double(integer(&in, 0), &keys[1], 0.5);
  gpuspan_gpu_end(integer(&in, 0));
  return NULL;
}
/* (handle, threads, slices, at once, plan, token) */
static napi_value threads(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  return make_integer(env, run_threads(big(&in, 0), integer(&in, 1), integer(&in, 2), (int)integer(&in, 3),
                                       (enum thread_plan)integer(&in, 4), integer(&in, 5)));
}

/* An in-order OpenCL queue with profiling; 0n where there is no OpenCL device. */
static napi_value make_queue(napi_env env, napi_callback_info info) {
  (void)info;
  return make_big(env, opencl_make_queue());
}
/* Waits for everything on the queue. */
static napi_value finish_queue(napi_env env, napi_callback_info info) {
  const call in = read_call(env, info);
  opencl_finish(big(&in, 0));
  return NULL;
}

NAPI_MODULE_INIT() {
  define(env, exports, "available", available);
  define(env, exports, "useApi", use_api);
  define(env, exports, "decoy", decoy);
  define(env, exports, "adopt", adopt);
  define(env, exports, "leave", leave);
  define(env, exports, "begin", begin);
  define(env, exports, "end", end);
  define(env, exports, "next", next);
  define(env, exports, "setInt", set_int);
  define(env, exports, "setDouble", set_double);
  define(env, exports, "gpuBegin", gpu_begin);
  define(env, exports, "gpuEnd", gpu_end);
  define(env, exports, "threads", threads);
  define(env, exports, "makeQueue", make_queue);
  define(env, exports, "finishQueue", finish_queue);
  return exports;
}
