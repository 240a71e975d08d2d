/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of gpuspan.h that is not called directly: its types, the function table that the loaded gpuspan has, how it
 * is found, and the out-of-line half of every function. Include gpuspan.h, which lies beside it.
 */
#ifndef GPUSPAN_TABLE_H_
#define GPUSPAN_TABLE_H_

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/* An event, declared once with static storage: as a stage, but an instant. */
typedef struct gpuspan_event_kind {
  const char* module;
  const char* name;
  uint8_t level; /* 1..4 */
  uint8_t reserved;
  uint16_t id; /* 0 until first used */
} gpuspan_event_kind;
#define GPUSPAN_EVENT(module, name, level) \
  { (module), (name), (level), 0, 0 }

/* An attribute key, declared once with static storage. */
typedef struct gpuspan_key {
  const char* name;
  uint16_t id;
} gpuspan_key;
#define GPUSPAN_KEY(name) \
  { (name), 0 }

/* What a gpuspan_attribute holds. */
#define GPUSPAN_INT 1u
#define GPUSPAN_DOUBLE 2u
#define GPUSPAN_BOOL 3u
#define GPUSPAN_STRING 4u
/* `length` of a string that ends with a NUL. */
#define GPUSPAN_TERMINATED 0xffffffffu

/* A key and a value, for functions that take several at once; made by gpuspan_int, gpuspan_string and so on. Neither it
 * nor the string is kept after the call. */
typedef struct gpuspan_attribute {
  gpuspan_key* key;
  uint32_t type;   /* GPUSPAN_INT ... GPUSPAN_STRING; another is dropped and flagged */
  uint32_t length; /* of a string: bytes, or GPUSPAN_TERMINATED */
  union {
    int64_t integer; /* GPUSPAN_BOOL: 0 is false */
    double real;
    const char* string; /* NULL: dropped and flagged */
  } value;
} gpuspan_attribute;

/* The function table. `size` grows in later versions; entries never move. Those up to `gpu_set_double` are in every
 * table; of a shorter one than it knows a header takes what is there, and the rest does nothing. */
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
  void (*set)(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count);
  void (*gpu_set)(gpuspan_gpu_token token, const gpuspan_attribute* attributes, uint32_t count);
  void (*request_set)(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
  void (*worker_set)(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
  void (*end_with)(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count);
  void (*fail)(gpuspan_token token, const char* message, uint32_t length);
  void (*event)(gpuspan_event_kind* kind, gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
  void (*record)(gpuspan_stage* stage, gpuspan_request request, uint64_t start_ns, uint64_t end_ns,
                 const gpuspan_attribute* attributes, uint32_t count);
  gpuspan_token (*begin_under)(gpuspan_stage* stage, gpuspan_request request, gpuspan_token parent);
  int (*start_thread)(const char* label);
  void (*event_at)(gpuspan_event_kind* kind, gpuspan_request request, gpuspan_token slice, uint64_t time_ns,
                   const gpuspan_attribute* attributes, uint32_t count);
} gpuspan_api;
/* Bytes of the shortest table there is. */
#define GPUSPAN_API_MIN_SIZE offsetof(gpuspan_api, set)

/* Exported by the addon, once a process. */
typedef const gpuspan_api* (*gpuspan_get_api_fn)(void);

/* One table pointer a linked module, shared by its translation units: null until found. */
__attribute__((weak, visibility("hidden"))) const gpuspan_api* gpuspan_table_ = (const gpuspan_api*)0;

/* Whether `api` is a table. */
static inline int gpuspan_is_api_(const gpuspan_api* api) {
  return api != NULL && api->magic == GPUSPAN_API_MAGIC && api->version >= GPUSPAN_API_VERSION &&
         api->size >= GPUSPAN_API_MIN_SIZE;
}

/* The table to call: `api`, or of an older one, which is shorter, a copy with NULL for what it lacks: the one that is
 * in use, where that is of the same table. A copy is never freed once it is in use. NULL: out of memory. */
static inline const gpuspan_api* gpuspan_complete_(const gpuspan_api* api) {
  const gpuspan_api* used = __atomic_load_n(&gpuspan_table_, __ATOMIC_ACQUIRE);
  const size_t whole = api->size - api->size % sizeof(api->set);
  gpuspan_api* copy;
  if (api->size >= sizeof(gpuspan_api)) return api;
  if (used != NULL && used->size == api->size && memcmp(used, api, whole) == 0) return used;
  copy = (gpuspan_api*)calloc(1, sizeof(gpuspan_api));
  if (copy != NULL) memcpy(copy, api, whole);
  return copy;
}

/* Takes the table from an address that JavaScript passed (`tracer.apiAddress`, a bigint): for loaders where
 * symbol lookup does not reach the addon. 0, a misaligned address and readable memory that is no table are refused:
 * returns 0 and changes nothing. */
static inline int gpuspan_use_api(uint64_t address) {
  const gpuspan_api* api = (const gpuspan_api*)(uintptr_t)address;
  if ((address & 7u) != 0 || !gpuspan_is_api_(api)) return 0;
  api = gpuspan_complete_(api);
  if (api == NULL) return 0;
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
      const gpuspan_api* const found = gpuspan_complete_(symbol.function());
      if (__atomic_compare_exchange_n(&gpuspan_table_, &api, found, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        api = found;
      } else if (found != symbol.function() && found != api) {
        free((void*)found); /* another thread was first */
      }
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

/* What came later: an older table lacks it. */
#define GPUSPAN_DO_(function, parameters, arguments)                   \
  GPUSPAN_SLOW_ void gpuspan_##function##_ parameters {                \
    const gpuspan_api* api = gpuspan_get_();                           \
    if (api != NULL && api->function != NULL) api->function arguments; \
  }
GPUSPAN_DO_(set, (gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count), (token, attributes, count))
GPUSPAN_DO_(gpu_set, (gpuspan_gpu_token token, const gpuspan_attribute* attributes, uint32_t count),
            (token, attributes, count))
GPUSPAN_DO_(request_set, (gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count),
            (request, attributes, count))
GPUSPAN_DO_(worker_set, (gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count),
            (request, attributes, count))
GPUSPAN_DO_(fail, (gpuspan_token token, const char* message, uint32_t length), (token, message, length))
GPUSPAN_DO_(event,
            (gpuspan_event_kind * kind, gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count),
            (kind, request, attributes, count))
GPUSPAN_DO_(event_at,
            (gpuspan_event_kind * kind, gpuspan_request request, gpuspan_token slice, uint64_t time_ns,
             const gpuspan_attribute* attributes, uint32_t count),
            (kind, request, slice, time_ns, attributes, count))
GPUSPAN_DO_(record,
            (gpuspan_stage * stage, gpuspan_request request, uint64_t start_ns, uint64_t end_ns,
             const gpuspan_attribute* attributes, uint32_t count),
            (stage, request, start_ns, end_ns, attributes, count))
#undef GPUSPAN_DO_

/* Without them in the table a slice still ends, and a child still begins. */
GPUSPAN_SLOW_ void gpuspan_end_with_(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count) {
  const gpuspan_api* api = gpuspan_get_();
  if (api == NULL) return;
  if (api->end_with != NULL) {
    api->end_with(token, attributes, count);
  } else {
    api->end(token);
  }
}
GPUSPAN_SLOW_ gpuspan_token gpuspan_begin_under_(gpuspan_stage* stage, gpuspan_request request, gpuspan_token parent) {
  const gpuspan_api* api = gpuspan_get_();
  if (api == NULL) return 0;
  return api->begin_under != NULL ? api->begin_under(stage, request, parent) : api->begin(stage, request);
}
GPUSPAN_SLOW_ void gpuspan_set_bool_(int gpu, uint32_t token, gpuspan_key* key, int value) {
  gpuspan_attribute attribute = {key, GPUSPAN_BOOL, 0, {value != 0}};
  if (gpu) {
    gpuspan_gpu_set_(token, &attribute, 1);
  } else {
    gpuspan_set_(token, &attribute, 1);
  }
}
GPUSPAN_SLOW_ void gpuspan_set_text_(int gpu, uint32_t token, gpuspan_key* key, const char* text, uint32_t length) {
  gpuspan_attribute attribute = {key, GPUSPAN_STRING, length, {0}};
  attribute.value.string = text;
  if (gpu) {
    gpuspan_gpu_set_(token, &attribute, 1);
  } else {
    gpuspan_set_(token, &attribute, 1);
  }
}

#undef GPUSPAN_SLOW_

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GPUSPAN_TABLE_H_ */
