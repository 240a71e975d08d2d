// SPDX-License-Identifier: Apache-2.0
//
// The floor under a host slice from JavaScript: two addon calls of the same arity as begin and end that read their
// integer and the same clock, and do nothing else. Never shipped; loaded by bench/slice.mjs.
#include <node_api.h>

#include "clock.h"

namespace {

gpuspan::Clock g_clock;
uint64_t g_last = 0;

uint32_t read_argument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  uint32_t value = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_uint32(env, argument, &value);
  return value;
}

// begin(where): a token.
napi_value begin(napi_env env, napi_callback_info info) {
  const uint32_t where = read_argument(env, info);
  g_last = g_clock.now();
  napi_value token = nullptr;
  napi_create_uint32(env, (where & 0xffu) + 1, &token);
  return token;
}

// end(token): nothing.
napi_value end(napi_env env, napi_callback_info info) {
  const uint32_t token = read_argument(env, info);
  g_last = g_clock.now() + token;
  return nullptr;
}

// useCounter(): reads the processor's counter from now on, as the recorder does where its clock is the counter.
napi_value use_counter(napi_env, napi_callback_info) {
  g_clock = gpuspan::Clock(gpuspan::ClockKind::kTsc);
  return nullptr;
}

void add(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  add(env, exports, "begin", begin);
  add(env, exports, "end", end);
  add(env, exports, "useCounter", use_counter);
  return exports;
}
