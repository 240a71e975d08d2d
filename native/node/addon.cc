// SPDX-License-Identifier: Apache-2.0
//
// The addon's entry point: runs once for each environment that loads it, on that environment's thread. Puts every
// function on the exports with the environment as callback data, and makes the C API findable.
#include "../process/c_api.h"
#include "arguments.h"

namespace gpuspan {
namespace {

bool define(napi_env env, napi_value exports, Environment* environment, std::span<const Binding> bindings) {
  for (const Binding& binding : bindings) {
    napi_value function = nullptr;
    if (napi_create_function(env, binding.name, NAPI_AUTO_LENGTH, binding.callback, environment, &function) !=
            napi_ok ||
        napi_set_named_property(env, exports, binding.name, function) != napi_ok) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace gpuspan

NAPI_MODULE_INIT() {
  using namespace gpuspan;
  promote_to_global_scope();
  Environment* environment = Environment::enter(env);
  if (environment == nullptr) {
    napi_throw_error(env, "GPUSPAN_ADDON", "the environment is ending or out of memory");
    return nullptr;
  }
  for (const auto bindings :
       {setup_bindings(), request_bindings(), slice_bindings(), gpu_bindings(), reader_bindings(), stats_bindings()}) {
    if (!define(env, exports, environment, bindings)) return nullptr;
  }
  return exports;
}
