/* SPDX-License-Identifier: Apache-2.0
 *
 * gpuspan for C and C++ code of the same process: stages, requests adopted from JavaScript, host slices,
 * GPU slices, numeric attributes. Header-only: nothing to link. Where gpuspan is not loaded, or tracing is
 * off, every call is a no-op that costs one compare. See docs/c-api.md.
 *
 * Threads: a token belongs to the thread that got it. A handle may be passed anywhere and is turned into a
 * request of the calling thread by gpuspan_adopt.
 */
#ifndef GPUSPAN_H_
#define GPUSPAN_H_

#include <stddef.h>
#include <stdint.h>
#if defined(__linux__)
#include <dlfcn.h>
#endif

#if !defined(__GNUC__)
#error "gpuspan.h needs GCC or Clang"
#endif

/* Not to be called directly: one out-of-line copy a translation unit, so that a call site of a function that is off
 * is a compare and a jump. */
#define GPUSPAN_SLOW_ static __attribute__((noinline, unused))

#ifdef __cplusplus
extern "C" {
#endif

#define GPUSPAN_API_VERSION 1u
#define GPUSPAN_API_MAGIC 0x6e617073757067ULL /* "gpuspan" in memory order */
#define GPUSPAN_GET_API_SYMBOL "gpuspan_get_api_v1"

/* A request or batch of this thread; low byte: level + 1. 0: inert. */
typedef uint64_t gpuspan_request;
/* An open slice; 0: none. */
typedef uint32_t gpuspan_token;
/* A launched GPU slice that has not been ended; 0: none. */
typedef uint32_t gpuspan_gpu_token;

/* A stage, declared once with static storage. gpuspan writes `id` at its first use and keeps no pointer to it. */
typedef struct gpuspan_stage {
  const char* module;
  const char* name;
  uint8_t level; /* 1..4 */
  uint8_t reserved;
  uint16_t id; /* 0 until first used */
} gpuspan_stage;
#define GPUSPAN_STAGE(module, name, level) \
  { (module), (name), (level), 0, 0 }

/* An attribute key, declared once with static storage. */
typedef struct gpuspan_key {
  const char* name;
  uint16_t id;
} gpuspan_key;
#define GPUSPAN_KEY(name) \
  { (name), 0 }

/* The function table. `size` grows in later versions; entries never move. A header refuses a table that is
 * shorter than it knows. */
typedef struct gpuspan_api {
  uint64_t magic;
  uint32_t size;
  uint32_t version;
  gpuspan_request (*adopt)(uint64_t handle);
  void (*leave)(gpuspan_request request);
  gpuspan_token (*begin)(gpuspan_stage* stage, gpuspan_request request);
  void (*end)(gpuspan_token token);
  gpuspan_token (*next)(gpuspan_token token, gpuspan_stage* stage, gpuspan_request request);
  void (*set_int)(gpuspan_token token, gpuspan_key* key, int64_t value);
  void (*set_double)(gpuspan_token token, gpuspan_key* key, double value);
  gpuspan_gpu_token (*gpu_begin)(gpuspan_stage* stage, gpuspan_request request, void* stream);
  void (*gpu_end)(gpuspan_gpu_token token);
  void (*gpu_set_int)(gpuspan_gpu_token token, gpuspan_key* key, int64_t value);
  void (*gpu_set_double)(gpuspan_gpu_token token, gpuspan_key* key, double value);
} gpuspan_api;

/* Exported by the addon, once a process. */
typedef const gpuspan_api* (*gpuspan_get_api_fn)(void);

/* One table pointer a linked module, shared by its translation units: null until found. */
__attribute__((weak, visibility("hidden"))) const gpuspan_api* gpuspan_table_ = (const gpuspan_api*)0;

/* Whether `api` is a table that has every function this header calls. */
static inline int gpuspan_is_api_(const gpuspan_api* api) {
  return api != NULL && api->magic == GPUSPAN_API_MAGIC && api->version >= GPUSPAN_API_VERSION &&
         api->size >= sizeof(gpuspan_api);
}

/* Takes the table from an address that JavaScript passed (`tracer.apiAddress`, a bigint): for loaders where
 * symbol lookup does not reach the addon. 0, a misaligned address and readable memory that is no table are refused:
 * returns 0 and changes nothing. */
static inline int gpuspan_use_api(uint64_t address) {
  const gpuspan_api* api = (const gpuspan_api*)(uintptr_t)address;
  if ((address & 7u) != 0 || !gpuspan_is_api_(api)) return 0;
  __atomic_store_n(&gpuspan_table_, api, __ATOMIC_RELEASE);
  return 1;
}

/* The loaded gpuspan's table, or NULL. gpuspan_adopt calls it, and so does every function that has something to
 * record: a request may come from another module, whose table was found before this one's. Looks the symbol up
 * only while there is no table. */
GPUSPAN_SLOW_ const gpuspan_api* gpuspan_find_api(void) {
  const gpuspan_api* api = __atomic_load_n(&gpuspan_table_, __ATOMIC_ACQUIRE);
#if defined(__linux__)
  if (__builtin_expect(api == NULL, 0)) {
    union {
      void* object;
      gpuspan_get_api_fn function;
    } symbol;
    symbol.object = dlsym((void*)0 /* RTLD_DEFAULT, which needs _GNU_SOURCE */, GPUSPAN_GET_API_SYMBOL);
    if (symbol.object != NULL && gpuspan_is_api_(symbol.function())) {
      api = symbol.function();
      __atomic_store_n(&gpuspan_table_, api, __ATOMIC_RELEASE);
    }
  }
#endif
  return api;
}

/* The same without a call when the table is there. */
static inline const gpuspan_api* gpuspan_get_(void) {
  const gpuspan_api* api = __atomic_load_n(&gpuspan_table_, __ATOMIC_ACQUIRE);
  return __builtin_expect(api != NULL, 1) ? api : gpuspan_find_api();
}

/* What the functions below do when there is something to record. */
GPUSPAN_SLOW_ gpuspan_request gpuspan_adopt_(uint64_t handle) {
  const gpuspan_api* api = gpuspan_get_();
  return api == NULL ? 0 : api->adopt(handle);
}
GPUSPAN_SLOW_ void gpuspan_leave_(gpuspan_request request) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->leave(request);
}
GPUSPAN_SLOW_ gpuspan_token gpuspan_begin_(gpuspan_stage* stage, gpuspan_request request) {
  const gpuspan_api* api = gpuspan_get_();
  return api == NULL ? 0 : api->begin(stage, request);
}
GPUSPAN_SLOW_ void gpuspan_end_(gpuspan_token token) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->end(token);
}
GPUSPAN_SLOW_ gpuspan_token gpuspan_next_(gpuspan_token token, gpuspan_stage* stage, gpuspan_request request) {
  const gpuspan_api* api = gpuspan_get_();
  return api == NULL ? 0 : api->next(token, stage, request);
}
GPUSPAN_SLOW_ void gpuspan_set_int_(gpuspan_token token, gpuspan_key* key, int64_t value) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->set_int(token, key, value);
}
GPUSPAN_SLOW_ void gpuspan_set_double_(gpuspan_token token, gpuspan_key* key, double value) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->set_double(token, key, value);
}
GPUSPAN_SLOW_ gpuspan_gpu_token gpuspan_gpu_begin_(gpuspan_stage* stage, gpuspan_request request, void* stream) {
  const gpuspan_api* api = gpuspan_get_();
  return api == NULL ? 0 : api->gpu_begin(stage, request, stream);
}
GPUSPAN_SLOW_ void gpuspan_gpu_end_(gpuspan_gpu_token token) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->gpu_end(token);
}
GPUSPAN_SLOW_ void gpuspan_gpu_set_int_(gpuspan_gpu_token token, gpuspan_key* key, int64_t value) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->gpu_set_int(token, key, value);
}
GPUSPAN_SLOW_ void gpuspan_gpu_set_double_(gpuspan_gpu_token token, gpuspan_key* key, double value) {
  const gpuspan_api* api = gpuspan_get_();
  if (api != NULL) api->gpu_set_double(token, key, value);
}

/* Continues a request or batch on the calling thread; `handle` is `request.handle` or `batch.handle` from
 * JavaScript. Claims a lane for the thread at its first call (allocates: not for the hot path). 0 in, stale
 * handle or no gpuspan: 0 out, and everything done with it is a no-op. Match it with gpuspan_leave. */
static inline gpuspan_request gpuspan_adopt(uint64_t handle) { return handle == 0 ? 0 : gpuspan_adopt_(handle); }
/* This thread is done with the request: closes its worker span here. */
static inline void gpuspan_leave(gpuspan_request request) {
  if (request != 0) gpuspan_leave_(request);
}

/* True when a slice of this stage would be recorded for this request, as far as levels tell. The whole cost of
 * tracing that is off. */
static inline int gpuspan_on(const gpuspan_stage* stage, gpuspan_request request) {
  return __builtin_expect(stage->level < (uint8_t)request, 0) != 0;
}

/* Opens a host slice. The parent is what the request has open on this thread. */
static inline gpuspan_token gpuspan_begin(gpuspan_stage* stage, gpuspan_request request) {
  return gpuspan_on(stage, request) ? gpuspan_begin_(stage, request) : 0;
}
/* Ends it; 0 is ignored. */
static inline void gpuspan_end(gpuspan_token token) {
  if (__builtin_expect(token != 0, 0)) gpuspan_end_(token);
}
/* Ends one slice and begins the next with one clock read. The next one belongs to the request of the first; where
 * there was no first (token 0), to `request`. */
static inline gpuspan_token gpuspan_next(gpuspan_token token, gpuspan_stage* stage, gpuspan_request request) {
  if (gpuspan_on(stage, request)) return gpuspan_next_(token, stage, request);
  gpuspan_end(token);
  return 0;
}
/* Numeric attributes of an open slice. */
static inline void gpuspan_set_int(gpuspan_token token, gpuspan_key* key, int64_t value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_int_(token, key, value);
}
static inline void gpuspan_set_double(gpuspan_token token, gpuspan_key* key, double value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_double_(token, key, value);
}

/* Marks the begin of a GPU slice on the caller's stream (CUstream, cudaStream_t, cl_command_queue). Its parent is
 * the host slice the request has open on this thread. The first use of a stream on a thread sets it up, which may
 * allocate and load the device's library. */
static inline gpuspan_gpu_token gpuspan_gpu_begin(gpuspan_stage* stage, gpuspan_request request, void* stream) {
  return gpuspan_on(stage, request) ? gpuspan_gpu_begin_(stage, request, stream) : 0;
}
/* Marks its end on the same stream. Times arrive later, when the device has passed both marks. */
static inline void gpuspan_gpu_end(gpuspan_gpu_token token) {
  if (__builtin_expect(token != 0, 0)) gpuspan_gpu_end_(token);
}
/* Numeric attributes of a GPU slice that has not been ended. */
static inline void gpuspan_gpu_set_int(gpuspan_gpu_token token, gpuspan_key* key, int64_t value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_gpu_set_int_(token, key, value);
}
static inline void gpuspan_gpu_set_double(gpuspan_gpu_token token, gpuspan_key* key, double value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_gpu_set_double_(token, key, value);
}

#undef GPUSPAN_SLOW_

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GPUSPAN_H_ */
