// SPDX-License-Identifier: Apache-2.0
//
// The floor under a host slice from JavaScript: an addon call that reads the same clock, and nothing else: neither
// argument nor result, as begin and end have none. Never shipped; loaded by bench/slice.mjs.
#include <node_api.h>

#include "clock.h"

namespace {

gpuspan::Clock g_clock;
uint64_t g_last = 0;

// read(): nothing.
napi_value read(napi_env, napi_callback_info) {
  g_last = g_clock.now();
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
  add(env, exports, "read", read);
  add(env, exports, "useCounter", use_counter);
  return exports;
}
