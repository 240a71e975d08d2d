// SPDX-License-Identifier: Apache-2.0
//
// The model on the first CUDA device, real or simulated, by the driver API. All work goes through one stream of the
// device's primary context, and gpuspan marks three stream intervals of a launch: upload, forward, download.
// `launch` runs on the JavaScript thread, `wait` on a thread of libuv's pool.
#include <gpuspan.h>

#include <cstring>
#include <mutex>

#include "cuda_library.h"
#include "device.h"
#include "simulated_kernels.h"

namespace text_server {
namespace {

using namespace cuda;

constexpr unsigned kScoreThreads = 128;  // of a block

// Pinned host memory: the device copies from and to it by itself, so that no call waits for a copy.
struct Staging {
  int8_t hidden[kMaxBatch * kDimensions];
  uint32_t seeds[kMaxBatch];
  int32_t picks[kMaxBatch];
};

struct CudaJob : Job {
  Staging* staging = nullptr;
  Event done = nullptr;
};

class CudaDevice : public Device {
 public:
  CudaDevice(const Library& library, Model model) : cu_(library), model_(std::move(model)) {}
  ~CudaDevice() override;
  bool open(const std::string& kernels, std::string* error);

  const char* kind() const override { return cu_.is_simulated() ? "sim" : "cuda"; }
  const std::string& name() const override { return name_; }
  std::unique_ptr<Job> make_job() const override { return std::make_unique<CudaJob>(); }
  bool launch(Job& job, uint64_t trace) override;
  bool wait(Job& job) override;

 private:
  bool works(Result result, const char* what);
  bool open_stream();
  bool load_kernels(const std::string& kernels);
  bool make_buffers();
  std::string describe() const;
  bool prepare(CudaJob& job);
  void release(CudaJob& job);
  bool upload(const CudaJob& job);
  bool forward(const CudaJob& job);
  bool download(const CudaJob& job);

  const Library& cu_;
  const Model model_;
  std::string name_, error_;
  DeviceId device_ = 0;
  Context context_ = nullptr;
  Stream stream_ = nullptr;
  Module module_ = nullptr;
  Kernel score_ = nullptr, pick_ = nullptr;
  Memory weights_ = 0, noise_ = 0, hidden_ = 0, seeds_ = 0, scores_ = 0, picks_ = 0;
  std::mutex mutex_;            // guards what follows
  std::vector<Staging*> free_;  // kept for the next jobs: such memory is slow to get
};

// False, with what failed and why in `error_`.
bool CudaDevice::works(Result result, const char* what) {
  if (result == kSuccess) return true;
  const char* name = nullptr;
  if (cu_.cuGetErrorName(result, &name) != kSuccess || name == nullptr) name = "an unknown error";
  error_ = std::string("cannot ") + what + ": " + name;
  return false;
}

bool CudaDevice::open_stream() {
  return works(cu_.cuDeviceGet(&device_, 0), "get the first CUDA device") &&
         works(cu_.cuDevicePrimaryCtxRetain(&context_, device_), "get its primary context") &&
         works(cu_.cuCtxSetCurrent(context_), "use its primary context") &&
         works(cu_.cuStreamCreate(&stream_, kStreamNonBlocking), "create a stream");
}

bool CudaDevice::load_kernels(const std::string& kernels) {
  if (cu_.is_simulated()) {
    register_simulated_kernels(cu_);
  } else if (kernels.empty()) {
    error_ = "native/forward.cu is not compiled, because there is no nvcc (CUDA toolkit) here";
    return false;
  }
  const char* image = kernels.empty() ? "host functions" : kernels.c_str();
  return works(cu_.cuModuleLoadData(&module_, image), "load the kernels") &&
         works(cu_.cuModuleGetFunction(&score_, module_, "score"), "find the kernel score") &&
         works(cu_.cuModuleGetFunction(&pick_, module_, "pick"), "find the kernel pick");
}

bool CudaDevice::make_buffers() {
  const auto empty = [&](Memory* memory, size_t bytes) {
    return works(cu_.cuMemAlloc_v2(memory, bytes), "allocate the model");
  };
  const auto filled = [&](Memory* memory, const auto& data) {
    const size_t bytes = data.size() * sizeof data[0];
    return empty(memory, bytes) && works(cu_.cuMemcpyHtoD_v2(*memory, data.data(), bytes), "copy the model");
  };
  return filled(&weights_, model_.weights) && filled(&noise_, model_.noise) &&
         empty(&hidden_, sizeof Staging::hidden) && empty(&seeds_, sizeof Staging::seeds) &&
         empty(&scores_, size_t{kMaxBatch} * model_.rows() * sizeof(int32_t)) && empty(&picks_, sizeof Staging::picks);
}

std::string CudaDevice::describe() const {
  char name[256] = "";
  int version = 0;
  cu_.cuDeviceGetName(name, sizeof name - 1, device_);
  cu_.cuDriverGetVersion(&version);
  const std::string driver = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  return std::string(name) + (cu_.is_simulated() ? " (simulated CUDA driver " : " (CUDA driver ") + driver + ")" +
         (cu_.is_simulated() ? ", computed on the CPU" : "");
}

bool CudaDevice::open(const std::string& kernels, std::string* error) {
  if (open_stream() && load_kernels(kernels) && make_buffers()) {
    name_ = describe();
    return true;
  }
  *error = error_;
  return false;
}

bool CudaDevice::prepare(CudaJob& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) job.staging = free_.back(), free_.pop_back();
  }
  if (job.staging == nullptr) {
    void* memory = nullptr;
    if (cu_.cuMemHostAlloc(&memory, sizeof(Staging), 0) != kSuccess) return false;
    job.staging = static_cast<Staging*>(memory);
  }
  std::memcpy(job.staging->hidden, job.hidden.data(), job.hidden.size());
  std::memcpy(job.staging->seeds, job.seeds.data(), job.seeds.size() * sizeof(uint32_t));
  return cu_.cuEventCreate(&job.done, kEventBlockingSync | kEventDisableTiming) == kSuccess;
}

// The device does nothing for this job any more.
void CudaDevice::release(CudaJob& job) {
  if (job.done != nullptr) cu_.cuEventDestroy_v2(job.done);
  job.done = nullptr;
  const std::lock_guard lock(mutex_);
  if (job.staging != nullptr) free_.push_back(job.staging);
  job.staging = nullptr;
}

bool CudaDevice::upload(const CudaJob& job) {
  return cu_.cuMemcpyHtoDAsync_v2(hidden_, job.staging->hidden, job.hidden.size(), stream_) == kSuccess &&
         cu_.cuMemcpyHtoDAsync_v2(seeds_, job.staging->seeds, job.seeds.size() * sizeof(uint32_t), stream_) == kSuccess;
}

bool CudaDevice::forward(const CudaJob& job) {
  const auto batch = static_cast<unsigned>(job.seeds.size());
  uint32_t rows = model_.rows();
  void* scoring[] = {&weights_, &noise_, &hidden_, &seeds_, &rows, &scores_};
  void* picking[] = {&scores_, &rows, &picks_};
  const unsigned blocks = (rows + kScoreThreads - 1) / kScoreThreads;
  return cu_.cuLaunchKernel(score_, blocks, batch, 1, kScoreThreads, 1, 1, 0, stream_, scoring, nullptr) == kSuccess &&
         cu_.cuLaunchKernel(pick_, batch, 1, 1, kPickThreads, 1, 1, 0, stream_, picking, nullptr) == kSuccess;
}

bool CudaDevice::download(const CudaJob& job) {
  return cu_.cuMemcpyDtoHAsync_v2(job.staging->picks, picks_, job.picks.size() * sizeof(int32_t), stream_) == kSuccess;
}

bool CudaDevice::launch(Job& base, uint64_t trace) {
  static gpuspan_stage upload_stage = GPUSPAN_STAGE("gpu", "gpu_upload", 3);
  static gpuspan_stage forward_stage = GPUSPAN_STAGE("gpu", "gpu_forward", 2);
  static gpuspan_stage download_stage = GPUSPAN_STAGE("gpu", "gpu_download", 3);
  static gpuspan_key rows_key = GPUSPAN_KEY("rows");

  auto& job = static_cast<CudaJob&>(base);
  if (cu_.cuCtxSetCurrent(context_) != kSuccess || !prepare(job)) return release(job), false;

  const gpuspan_request request = gpuspan_adopt(trace);
  gpuspan_gpu_token slice = gpuspan_gpu_begin(&upload_stage, request, stream_);
  bool launched = upload(job);
  gpuspan_gpu_end(slice);

  slice = gpuspan_gpu_begin(&forward_stage, request, stream_);
  launched = launched && forward(job);
  gpuspan_gpu_set_int(slice, &rows_key, static_cast<int64_t>(job.seeds.size()));
  gpuspan_gpu_end(slice);

  slice = gpuspan_gpu_begin(&download_stage, request, stream_);
  launched = launched && download(job);
  gpuspan_gpu_end(slice);
  gpuspan_leave(request);

  launched = launched && cu_.cuEventRecord(job.done, stream_) == kSuccess;
  if (!launched) {
    // A job that was launched in part may still be using its memory.
    cu_.cuStreamSynchronize(stream_);
    release(job);
  }
  return launched;
}

bool CudaDevice::wait(Job& base) {
  auto& job = static_cast<CudaJob&>(base);
  if (job.done == nullptr) return false;
  const bool succeeded = cu_.cuCtxSetCurrent(context_) == kSuccess && cu_.cuEventSynchronize(job.done) == kSuccess;
  if (succeeded) std::memcpy(job.picks.data(), job.staging->picks, job.picks.size() * sizeof(int32_t));
  release(job);
  return succeeded;
}

CudaDevice::~CudaDevice() {
  if (context_ == nullptr) return;
  cu_.cuCtxSetCurrent(context_);
  if (stream_ != nullptr) cu_.cuStreamSynchronize(stream_);
  for (Staging* staging : free_) cu_.cuMemFreeHost(staging);
  for (Memory memory : {weights_, noise_, hidden_, seeds_, scores_, picks_})
    if (memory != 0) cu_.cuMemFree_v2(memory);
  if (module_ != nullptr) cu_.cuModuleUnload(module_);
  if (stream_ != nullptr) cu_.cuStreamDestroy_v2(stream_);
  cu_.cuCtxSetCurrent(nullptr);
  cu_.cuDevicePrimaryCtxRelease_v2(device_);
}

}  // namespace

std::unique_ptr<Device> open_cuda_device(Model model, const std::string& kernels, bool simulated, std::string* error) {
  const Library* library = load_library(error);
  if (library == nullptr) return nullptr;
  if (simulated && !library->is_simulated()) {
    *error = "the CUDA driver is a real one; GPUSPAN_CUDA_LIBRARY has to name the simulated one";
    return nullptr;
  }
  auto device = std::make_unique<CudaDevice>(*library, std::move(model));
  if (!device->open(kernels, error)) return nullptr;
  return device;
}

}  // namespace text_server
