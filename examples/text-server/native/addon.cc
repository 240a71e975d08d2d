// SPDX-License-Identifier: Apache-2.0
//
// The device for JavaScript: `open(kind, weights, noise, kernels)` gives `{ kind, name, launch, wait }`. `launch`
// returns a job at once; `wait` gives a promise of its result and blocks a thread of libuv's pool meanwhile, never the
// caller's. Everything here runs on the JavaScript thread but Waiter::Execute.
#include <napi.h>

#include <cstring>

#include "device.h"

namespace text_server {
namespace {

using SharedDevice = std::shared_ptr<Device>;

// A job and the device it runs on. One that nobody waited for is waited for when JavaScript has dropped it, because
// the device still writes to it.
struct Launched {
  explicit Launched(SharedDevice on) : device(std::move(on)), job(device->make_job()) {}
  ~Launched() {
    if (!waited) device->wait(*job);
  }
  const SharedDevice device;
  const std::unique_ptr<Job> job;
  bool waited = false;
};

class Waiter : public Napi::AsyncWorker {
 public:
  Waiter(Napi::Env env, const Napi::External<Launched>& launched)
      : AsyncWorker(env),
        result_(Napi::Promise::Deferred::New(env)),
        launched_(*launched.Data()),
        alive_(Napi::Persistent(launched)) {
    launched_.waited = true;
  }
  Napi::Promise promise() const { return result_.Promise(); }

  void Execute() override {
    if (!launched_.device->wait(*launched_.job)) SetError("the device failed while it computed a batch");
  }
  void OnOK() override {
    const auto& picks = launched_.job->picks;
    auto array = Napi::Int32Array::New(Env(), picks.size());
    std::memcpy(array.Data(), picks.data(), picks.size() * sizeof(int32_t));
    result_.Resolve(array);
  }
  void OnError(const Napi::Error& error) override { result_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred result_;
  Launched& launched_;
  const Napi::Reference<Napi::External<Launched>> alive_;  // JavaScript may drop the job before the promise is settled
};

Napi::Value fail(Napi::Env env, const std::string& message) {
  Napi::Error::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

// launch(hidden: Int8Array, seeds: Uint32Array, trace: bigint)
Napi::Value launch(const SharedDevice& device, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !info[1].IsTypedArray() || !info[2].IsBigInt())
    return fail(env, "launch takes an Int8Array, a Uint32Array and a bigint");
  const auto hidden = info[0].As<Napi::Int8Array>();
  const auto seeds = info[1].As<Napi::Uint32Array>();
  const size_t batch = seeds.ElementLength();
  if (batch == 0 || batch > kMaxBatch || hidden.ByteLength() != batch * kDimensions)
    return fail(env, "launch takes 1 to " + std::to_string(kMaxBatch) + " hidden vectors and a seed for each");
  bool lossless = false;
  const uint64_t trace = info[2].As<Napi::BigInt>().Uint64Value(&lossless);

  auto launched = std::make_unique<Launched>(device);
  launched->job->hidden.assign(hidden.Data(), hidden.Data() + batch * kDimensions);
  launched->job->seeds.assign(seeds.Data(), seeds.Data() + batch);
  launched->job->picks.assign(batch, 0);
  if (!device->launch(*launched->job, trace)) return fail(env, "the device refused a batch");
  return Napi::External<Launched>::New(env, launched.release(), [](Napi::Env, Launched* done) { delete done; });
}

// wait(job): once a job
Napi::Value wait(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) return fail(info.Env(), "wait takes a job");
  const auto launched = info[0].As<Napi::External<Launched>>();
  if (launched.Data()->waited) return fail(info.Env(), "this job was waited for already");
  auto* waiter = new Waiter(info.Env(), launched);  // deletes itself
  const Napi::Promise promise = waiter->promise();
  waiter->Queue();
  return promise;
}

Napi::Object wrap(Napi::Env env, std::unique_ptr<Device> opened) {
  const SharedDevice device = std::move(opened);
  auto object = Napi::Object::New(env);
  object.Set("kind", device->kind());
  object.Set("name", device->name());
  object.Set("launch",
             Napi::Function::New(env, [device](const Napi::CallbackInfo& info) { return launch(device, info); }));
  object.Set("wait", Napi::Function::New(env, wait));
  return object;
}

std::unique_ptr<Device> open_device(const std::string& kind, Model model, const std::string& kernels,
                                    std::string* error) {
  if (kind == "threads") return open_thread_device(std::move(model));
  if (kind == "opencl") return open_opencl_device(std::move(model), error);
  if (kind == "cuda" || kind == "sim") return open_cuda_device(std::move(model), kernels, kind == "sim", error);
  *error = "unknown kind of device: " + kind;
  return nullptr;
}

// open(kind: 'cuda' | 'opencl' | 'sim' | 'threads', weights: Int8Array, noise: Int32Array, kernels?: Uint8Array)
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsTypedArray() || !info[2].IsTypedArray())
    return fail(env, "open takes a kind of device, an Int8Array and an Int32Array");
  const auto weights = info[1].As<Napi::Int8Array>();
  const auto noise = info[2].As<Napi::Int32Array>();
  if (weights.ByteLength() == 0 || weights.ByteLength() % kDimensions != 0 || noise.ElementLength() != kNoise)
    return fail(env, "the model's weights or noise have the wrong size");
  Model model{{weights.Data(), weights.Data() + weights.ByteLength()}, {noise.Data(), noise.Data() + kNoise}};

  std::string kernels;
  if (info[3].IsTypedArray()) {
    const auto image = info[3].As<Napi::Uint8Array>();
    kernels.assign(image.Data(), image.Data() + image.ByteLength());
  }
  std::string error;
  auto device = open_device(info[0].As<Napi::String>(), std::move(model), kernels, &error);
  return device ? wrap(env, std::move(device)) : fail(env, error);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open));
  exports.Set("maxBatch", kMaxBatch);
  return exports;
}

}  // namespace
}  // namespace text_server

// Node calls it with the name it has here.
static Napi::Object Init(Napi::Env env, Napi::Object exports) { return text_server::init(env, exports); }
NODE_API_MODULE(text_server_device, Init)
