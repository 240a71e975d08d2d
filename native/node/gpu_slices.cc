// SPDX-License-Identifier: Apache-2.0
//
// GPU slices from JavaScript. `gpuOpen` and `gpuStream` are set-up and may load a device's library; `gpuBegin` and
// `gpuEnd` are the record path.
#include "arguments.h"

namespace gpuspan {
namespace {

const char* source_name(GpuSource source) {
  switch (source) {
    case GpuSource::kCudaEvent:
      return "cuda-event";
    case GpuSource::kOpenCl:
      return "opencl";
    case GpuSource::kSimulated:
      return "simulated";
    case GpuSource::kNull:
      return "null";
    case GpuSource::kNone:
      break;
  }
  return "";
}

Napi::Value gpu_open(const Napi::CallbackInfo& call, Environment& environment) {
  environment.producer().open_launcher();
  Gpu* gpu = Process::get().gpu();
  DeviceTimer* timer = gpu == nullptr ? nullptr : gpu->timer();
  Napi::Object object = Napi::Object::New(call.Env());
  object.Set("source", timer == nullptr ? "" : source_name(timer->source()));
  object.Set("description", timer == nullptr ? std::string() : timer->description());
  object.Set("reason", gpu == nullptr ? std::string("there is no segment; call open first") : gpu->reason());
  return object;
}

Napi::Value gpu_stream(const Napi::CallbackInfo& call, Environment& environment) {
  bool lossless = false;
  uint64_t handle = 0;
  if (napi_get_value_bigint_uint64(call.Env(), call[0], &handle, &lossless) != napi_ok || !lossless) {
    return fail(call.Env(), "GPUSPAN_STREAM", "a stream handle must be a bigint from 0 to 2^64 - 1");
  }
  std::string error;
  Stream* stream = environment.producer().open_stream(handle, &error);
  if (stream == nullptr) return fail(call.Env(), "GPUSPAN_STREAM", error);
  return Napi::Number::New(call.Env(), stream->index);
}

// Waits on a thread of libuv's pool: the resolver may take a poll interval, the device longer.
class SettleWork : public Napi::AsyncWorker {
 public:
  SettleWork(Napi::Env env, uint32_t timeout_millis)
      : AsyncWorker(env), done_(Napi::Promise::Deferred::New(env)), timeout_millis_(timeout_millis) {}
  Napi::Promise promise() const { return done_.Promise(); }

 protected:
  void Execute() override { settled_ = Process::get().gpu_if_open()->settle(timeout_millis_); }
  void OnOK() override { done_.Resolve(Napi::Boolean::New(Env(), settled_)); }

 private:
  Napi::Promise::Deferred done_;
  uint32_t timeout_millis_;
  bool settled_ = false;
};

Napi::Value gpu_settle(const Napi::CallbackInfo& call, Environment&) {
  int32_t timeout_millis = 0;
  napi_get_value_int32(call.Env(), call[0], &timeout_millis);
  if (Process::get().gpu_if_open() == nullptr) {
    const auto done = Napi::Promise::Deferred::New(call.Env());
    done.Resolve(Napi::Boolean::New(call.Env(), true));
    return done.Promise();
  }
  auto* work = new SettleWork(call.Env(), timeout_millis < 0 ? 0 : static_cast<uint32_t>(timeout_millis));
  const Napi::Promise promise = work->promise();
  work->Queue();
  return promise;
}

Napi::Value gpu_stop(const Napi::CallbackInfo& call, Environment&) {
  int32_t timeout_millis = 0;
  napi_get_value_int32(call.Env(), call[0], &timeout_millis);
  Gpu* gpu = Process::get().gpu_if_open();
  if (gpu != nullptr) gpu->stop(timeout_millis < 0 ? 0 : static_cast<uint32_t>(timeout_millis));
  return call.Env().Undefined();
}

napi_value gpu_begin(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Producer& producer = call.producer();
  int32_t where, index;
  if (call.recorder() == nullptr || !call.integer(0, &where) || !call.integer(1, &index) ||
      !producer.names_entry(stage_of(where))) {
    producer.lose(Loss::kInvalid);
    return call.number(0);
  }
  Stream* stream = index < 0 ? nullptr : producer.stream(static_cast<uint32_t>(index));
  if (stream == nullptr || producer.launcher() == nullptr) {
    producer.lose(Loss::kGpuDevice);
    return call.number(0);
  }
  return call.number(producer.launcher()->begin(owner_of(where), stage_of(where), *stream));
}

napi_value gpu_end(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Producer& producer = call.producer();
  Token token;
  if (call.recorder() == nullptr || producer.launcher() == nullptr || !call.token_or_none(0, &token)) {
    producer.lose(Loss::kStale);
    return nullptr;
  }
  Payload payload;
  call.payload(1, &payload);  // out of range: the slice ends without attributes
  if (token != 0) producer.launcher()->end(token, payload);
  return nullptr;
}

napi_value gpu_annotate(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Producer& producer = call.producer();
  Token token;
  Payload payload;
  if (call.recorder() == nullptr || producer.launcher() == nullptr || !call.token_or_none(0, &token) ||
      !call.payload(1, &payload)) {
    producer.lose(Loss::kStale);
    return nullptr;
  }
  if (token != 0) producer.launcher()->annotate(token, payload);
  return nullptr;
}

constexpr Binding kBindings[] = {
    {"gpuOpen", setup<gpu_open>},     {"gpuStream", setup<gpu_stream>}, {"gpuStop", setup<gpu_stop>},
    {"gpuSettle", setup<gpu_settle>}, {"gpuBegin", gpu_begin},          {"gpuEnd", gpu_end},
    {"gpuAnnotate", gpu_annotate},
};

}  // namespace

std::span<const Binding> gpu_bindings() { return kBindings; }

}  // namespace gpuspan
