/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments and results of the test addons' functions. Values pass through unchecked, so that tests can hand in
 * made-up handles and tokens.
 */
#ifndef GPUSPAN_TEST_CALL_H_
#define GPUSPAN_TEST_CALL_H_

#include <node_api.h>
#include <stdint.h>

#define MAX_ARGUMENTS 6

typedef struct call {
  napi_env env;
  napi_value arguments[MAX_ARGUMENTS];
} call;

static inline call read_call(napi_env env, napi_callback_info info) {
  call result;
  size_t count = MAX_ARGUMENTS;
  result.env = env;
  napi_get_cb_info(env, info, &count, result.arguments, NULL, NULL);
  return result;
}
static inline uint64_t big(const call* in, size_t at) {
  uint64_t value = 0;
  bool lossless;
  napi_get_value_bigint_uint64(in->env, in->arguments[at], &value, &lossless);
  return value;
}
static inline uint32_t integer(const call* in, size_t at) {
  uint32_t value = 0;
  napi_get_value_uint32(in->env, in->arguments[at], &value);
  return value;
}
static inline double real(const call* in, size_t at) {
  double value = 0;
  napi_get_value_double(in->env, in->arguments[at], &value);
  return value;
}
static inline napi_value make_integer(napi_env env, uint32_t value) {
  napi_value result = NULL;
  napi_create_uint32(env, value, &result);
  return result;
}
static inline napi_value make_big(napi_env env, uint64_t value) {
  napi_value result = NULL;
  napi_create_bigint_uint64(env, value, &result);
  return result;
}
static inline void define(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = NULL;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

#endif
