/* SPDX-License-Identifier: Apache-2.0
 *
 * gpuspan for C and C++ code of the same process: stages and events, requests adopted from JavaScript, host slices,
 * GPU slices, attributes. Header-only: nothing to link. Where gpuspan is not loaded, or tracing is off, every call is a
 * no-op that costs one compare. See docs/c-api.md.
 *
 * Threads: a token belongs to the thread that got it. A handle may be passed anywhere, also to several threads at a
 * time, and is turned into a request of the calling thread by gpuspan_adopt.
 */
#ifndef GPUSPAN_H_
#define GPUSPAN_H_

#include "gpuspan_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A length as gpuspan_attribute has it: no string that long is kept whole anyway. */
static inline uint32_t gpuspan_length_(size_t length) {
  return length < GPUSPAN_TERMINATED ? (uint32_t)length : GPUSPAN_TERMINATED - 1u;
}
/* Attributes, for arrays of them: see gpuspan_set. Strings as there. */
static inline gpuspan_attribute gpuspan_int(gpuspan_key* key, int64_t value) {
  gpuspan_attribute attribute = {key, GPUSPAN_INT, 0, {value}};
  return attribute;
}
static inline gpuspan_attribute gpuspan_double(gpuspan_key* key, double value) {
  gpuspan_attribute attribute = {key, GPUSPAN_DOUBLE, 0, {0}};
  attribute.value.real = value;
  return attribute;
}
static inline gpuspan_attribute gpuspan_bool(gpuspan_key* key, int value) {
  gpuspan_attribute attribute = {key, GPUSPAN_BOOL, 0, {value != 0}};
  return attribute;
}
static inline gpuspan_attribute gpuspan_text(gpuspan_key* key, const char* data, size_t length) {
  gpuspan_attribute attribute = {key, GPUSPAN_STRING, gpuspan_length_(length), {0}};
  attribute.value.string = data;
  return attribute;
}
static inline gpuspan_attribute gpuspan_string(gpuspan_key* key, const char* text) {
  gpuspan_attribute attribute = {key, GPUSPAN_STRING, GPUSPAN_TERMINATED, {0}};
  attribute.value.string = text;
  return attribute;
}

/* Gives the calling thread its lane ahead of its first gpuspan_adopt, which then allocates nothing, and a name: what
 * its worker spans are called (at most 255 bytes; NULL: the default). For threads of a pool, once, after JavaScript has
 * called start(). A thread that has a lane, as JavaScript's have, keeps it and its name. 1 when the thread has a lane;
 * 0 when tracing is off, or no lane is left. */
static inline int gpuspan_start_thread(const char* label) {
  const gpuspan_api* api = gpuspan_get_();
  return api != NULL && api->start_thread != NULL ? api->start_thread(label) : 0;
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
/* The same below the slice `parent`, which the request has open on this thread: how slices that run at a time stay
 * siblings. 0, and a token that names no such slice, count as no parent given. */
static inline gpuspan_token gpuspan_begin_under(gpuspan_stage* stage, gpuspan_request request, gpuspan_token parent) {
  return gpuspan_on(stage, request) ? gpuspan_begin_under_(stage, request, parent) : 0;
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
/* A slice that is over: times in ns of CLOCK_MONOTONIC, below 2^63, else the slice is lost, reason `invalid`; with an
 * end before the start it is lost, reason `time`. Its parent is what the request has open on this thread now. */
static inline void gpuspan_record(gpuspan_stage* stage, gpuspan_request request, uint64_t start_ns, uint64_t end_ns,
                                  const gpuspan_attribute* attributes, uint32_t count) {
  if (gpuspan_on(stage, request)) gpuspan_record_(stage, request, start_ns, end_ns, attributes, count);
}
/* An instant in the innermost slice that the request has open on this thread, else in its worker span. */
static inline void gpuspan_event(gpuspan_event_kind* kind, gpuspan_request request, const gpuspan_attribute* attributes,
                                 uint32_t count) {
  if (__builtin_expect(kind->level < (uint8_t)request, 0)) gpuspan_event_(kind, request, attributes, count);
}
/* The same in the slice `slice`, which the request has open on this thread, else the event is lost, reason `stale`; 0:
 * as above. And at `time_ns`, of CLOCK_MONOTONIC and below 2^63, else it is lost, reason `invalid`; 0: now. */
static inline void gpuspan_event_at(gpuspan_event_kind* kind, gpuspan_request request, gpuspan_token slice,
                                    uint64_t time_ns, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(kind->level < (uint8_t)request, 0)) {
    gpuspan_event_at_(kind, request, slice, time_ns, attributes, count);
  }
}

/* Numeric attributes of an open slice. */
static inline void gpuspan_set_int(gpuspan_token token, gpuspan_key* key, int64_t value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_int_(token, key, value);
}
static inline void gpuspan_set_double(gpuspan_token token, gpuspan_key* key, double value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_double_(token, key, value);
}

/* Attributes of an open slice. A string is UTF-8 and at most 255 bytes of it are kept, cut where a character ends and
 * flagged; NULL is dropped and flagged. `text` ends with a NUL; `data` has `length` bytes, which may hold NULs. */
static inline void gpuspan_set_bool(gpuspan_token token, gpuspan_key* key, int value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_bool_(0, token, key, value);
}
static inline void gpuspan_set_string(gpuspan_token token, gpuspan_key* key, const char* text) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_text_(0, token, key, text, GPUSPAN_TERMINATED);
}
static inline void gpuspan_set_text(gpuspan_token token, gpuspan_key* key, const char* data, size_t length) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_text_(0, token, key, data, gpuspan_length_(length));
}
/* Several at once. One call takes up to 255 attributes, and of a slice 959 bytes are kept: a number takes 11, a bool 4,
 * a string 4 and its own. What does not fit is dropped and flagged. */
static inline void gpuspan_set(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_(token, attributes, count);
}
/* Ends a slice with attributes: cheaper than to set them first. */
static inline void gpuspan_end_with(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(token != 0, 0)) gpuspan_end_with_(token, attributes, count);
}
/* Gives an open slice error status, with a message as gpuspan_set_string takes it; NULL: none. It stays open. */
static inline void gpuspan_fail(gpuspan_token token, const char* message) {
  if (__builtin_expect(token != 0, 0)) gpuspan_fail_(token, message, GPUSPAN_TERMINATED);
}
/* Attributes of the request's root span on the thread where JavaScript started it; on another thread, of the worker
 * span, as gpuspan_worker_set does. On a batch: of the batch span. Stale: counted among lost owners. */
static inline void gpuspan_request_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(request != 0, 0)) gpuspan_request_set_(request, attributes, count);
}
/* Attributes of the request's worker span on this thread. */
static inline void gpuspan_worker_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(request != 0, 0)) gpuspan_worker_set_(request, attributes, count);
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

/* The same of every kind, as for host slices. */
static inline void gpuspan_gpu_set_bool(gpuspan_gpu_token token, gpuspan_key* key, int value) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_bool_(1, token, key, value);
}
static inline void gpuspan_gpu_set_string(gpuspan_gpu_token token, gpuspan_key* key, const char* text) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_text_(1, token, key, text, GPUSPAN_TERMINATED);
}
static inline void gpuspan_gpu_set_text(gpuspan_gpu_token token, gpuspan_key* key, const char* data, size_t length) {
  if (__builtin_expect(token != 0, 0)) gpuspan_set_text_(1, token, key, data, gpuspan_length_(length));
}
static inline void gpuspan_gpu_set(gpuspan_gpu_token token, const gpuspan_attribute* attributes, uint32_t count) {
  if (__builtin_expect(token != 0, 0)) gpuspan_gpu_set_(token, attributes, count);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GPUSPAN_H_ */
