// SPDX-License-Identifier: Apache-2.0
//
// Decoding of what JavaScript passes. Record-path functions use `Arguments`: raw Node-API, nothing thrown, nothing
// allocated, and a value of the wrong type is a "no" that the caller counts. Set-up functions use node-addon-api and
// `Setup`, and throw errors with a `code`.
#ifndef GPUSPAN_NODE_ARGUMENTS_H_
#define GPUSPAN_NODE_ARGUMENTS_H_

#include <napi.h>

#include <span>

#include "environment.h"

namespace gpuspan {

// One function of the addon.
struct Binding {
  const char* name;
  napi_callback callback;
};
std::span<const Binding> setup_bindings();
std::span<const Binding> request_bindings();
std::span<const Binding> slice_bindings();
std::span<const Binding> gpu_bindings();
std::span<const Binding> reader_bindings();
std::span<const Binding> stats_bindings();

template <size_t N>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) noexcept : env_(env) {
    size_t count = N;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, values_, nullptr, &data);
    environment_ = static_cast<Environment*>(data);
  }
  Environment& environment() const noexcept { return *environment_; }
  Producer& producer() const noexcept { return environment_->producer(); }
  Recorder* recorder() const noexcept { return environment_->recorder(); }

  // Any number counts as an int32 by JavaScript's own rule (modulo 2^32); false for everything else.
  bool integer(size_t at, int32_t* value) const noexcept {
    return napi_get_value_int32(env_, values_[at], value) == napi_ok;
  }
  // A number that can be a token, cut to an integer; false for all others, which never reach a slice by wrapping.
  bool token(size_t at, Token* token) const noexcept {
    int64_t value = 0;
    if (napi_get_value_int64(env_, values_[at], &value) != napi_ok || value <= 0 || value > INT32_MAX) return false;
    *token = static_cast<Token>(value);
    return true;
  }
  // The same where 0, the token of nothing, is allowed.
  bool token_or_none(size_t at, Token* token) const noexcept {
    int64_t value = 0;
    if (napi_get_value_int64(env_, values_[at], &value) != napi_ok || value < 0 || value > INT32_MAX) return false;
    *token = static_cast<Token>(value);
    return true;
  }
  // A bigint in [0, 2^64).
  bool big(size_t at, uint64_t* value) const noexcept {
    bool lossless = false;
    return napi_get_value_bigint_uint64(env_, values_[at], value, &lossless) == napi_ok && lossless;
  }
  // `bytes` of payload after the fixed places of the scratch memory.
  bool payload(size_t at, Payload* payload) const noexcept {
    int32_t bytes;
    return integer(at, &bytes) && environment_->payload(bytes, scratch::kPayload, payload);
  }
  napi_value number(uint32_t value) const noexcept {
    napi_value result = nullptr;
    napi_create_uint32(env_, value, &result);
    return result;
  }

 private:
  napi_env env_;
  Environment* environment_;
  napi_value values_[N];
};

// `where` = owner << 16 | stage.
constexpr uint16_t owner_of(int32_t where) noexcept {
  return static_cast<uint16_t>(static_cast<uint32_t>(where) >> 16);
}
constexpr uint16_t stage_of(int32_t where) noexcept { return static_cast<uint16_t>(where); }

// Arguments of the hot calls at fixed places of the scratch memory: two integers, the first of which is the answer's
// place too. What Node-API asks for reading an argument and making a number is a sixth of a slice (bench/slice.mjs).
class PlacedArguments {
 public:
  PlacedArguments(napi_env env, napi_callback_info info) noexcept {
    void* data = nullptr;
    napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
    environment_ = static_cast<Environment*>(data);
  }
  Producer& producer() const noexcept { return environment_->producer(); }
  Recorder* recorder() const noexcept { return environment_->recorder(); }

  // Where there is a recorder there is a scratch memory.
  int32_t value() const noexcept { return environment_->scratch_at<int32_t>(scratch::kInteger); }
  uint16_t stage() const noexcept { return environment_->scratch_at<uint16_t>(scratch::kStage); }
  // None where its length is out of range.
  Payload payload() const noexcept {
    Payload payload;
    environment_->payload(environment_->scratch_at<uint16_t>(scratch::kBytes), scratch::kPayload, &payload);
    return payload;
  }
  void answer(uint32_t value) const noexcept { environment_->set_scratch(scratch::kInteger, value); }
  void answer_nothing() const noexcept {
    if (environment_->scratch() != nullptr) answer(0);
  }

 private:
  Environment* environment_;
};

// Wraps a set-up function, which sees node-addon-api's view of the call.
template <Napi::Value (*kFunction)(const Napi::CallbackInfo&, Environment&)>
napi_value setup(napi_env env, napi_callback_info info) {
  const Napi::CallbackInfo call(env, info);
  return kFunction(call, *static_cast<Environment*>(call.Data()));
}

// Throws a JavaScript Error with `code`; returns undefined for the caller to return.
inline Napi::Value fail(Napi::Env env, const char* code, const std::string& message) {
  if (!env.IsExceptionPending()) napi_throw_error(env, code, message.c_str());
  return env.Undefined();
}
inline constexpr const char* kBadArgument = "GPUSPAN_OPTION";

}  // namespace gpuspan

#endif  // GPUSPAN_NODE_ARGUMENTS_H_
