// SPDX-License-Identifier: Apache-2.0
//
// The model on an OpenCL device: the first that is not a CPU, else the first. All work goes through one in-order
// queue with profiling on, and gpuspan marks three stream intervals of a launch: upload, forward, download.
// `launch` runs on the JavaScript thread, `wait` on a thread of libuv's pool.
#include <gpuspan.h>

#include "device.h"
#include "opencl_library.h"

namespace text_server {
namespace {

using namespace opencl;

constexpr size_t kGroup = 64;  // work items of a group

constexpr const char* kSource = R"(
uint mix_bits(uint x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// One work item per row of weights and member of the batch.
__kernel void score(__global const char8* weights, __constant int* noise, __global const char8* hidden,
                    __global const uint* seeds, uint rows, __global int* scores) {
  const uint row = get_global_id(0), member = get_global_id(1);
  if (row >= rows) return;
  int8 sum = 0;
  for (uint k = 0; k < DIMENSIONS / 8; k++)
    sum += convert_int8(weights[row * (DIMENSIONS / 8) + k]) * convert_int8(hidden[member * (DIMENSIONS / 8) + k]);
  const int4 half_sum = sum.lo + sum.hi;
  scores[member * rows + row] = half_sum.x + half_sum.y + half_sum.z + half_sum.w + noise[mix_bits(seeds[member] + row) % NOISE];
}

// One work group per member: the row with the highest score, the first of equals.
__kernel void pick(__global const int* scores, uint rows, __global int* picks) {
  __local int best[GROUP];
  const uint member = get_group_id(0), self = get_local_id(0);
  __global const int* own = scores + member * rows;
  int found = self < rows ? (int)self : 0;
  for (uint row = self; row < rows; row += GROUP)
    if (own[row] > own[found]) found = row;
  best[self] = found;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (self != 0) return;
  for (uint i = 1; i < GROUP; i++)
    if (own[best[i]] > own[found] || (own[best[i]] == own[found] && best[i] < found)) found = best[i];
  picks[member] = found;
}
)";

struct OpenClJob : Job {
  Event done = nullptr;
};

class OpenClDevice : public Device {
 public:
  OpenClDevice(const Library& library, Model model) : cl_(library), model_(std::move(model)) {}
  ~OpenClDevice() override;
  bool open(std::string* error);

  const char* kind() const override { return "opencl"; }
  const std::string& name() const override { return name_; }
  std::unique_ptr<Job> make_job() const override { return std::make_unique<OpenClJob>(); }
  bool launch(Job& job, uint64_t trace) override;
  bool wait(Job& job) override;

 private:
  DeviceId choose_device();
  std::string describe(DeviceId device);
  bool build_kernels(DeviceId device);
  bool make_buffers();
  bool upload(const Job& job);
  bool forward(const Job& job);
  bool download(OpenClJob& job);

  const Library& cl_;
  const Model model_;
  std::string name_;
  bool on_cpu_ = false;
  Context context_ = nullptr;
  Queue queue_ = nullptr;
  Program program_ = nullptr;
  Kernel score_ = nullptr, pick_ = nullptr;
  Memory weights_ = nullptr, noise_ = nullptr, hidden_ = nullptr, seeds_ = nullptr, scores_ = nullptr, picks_ = nullptr;
};

DeviceId OpenClDevice::choose_device() {
  Platform platforms[8];
  uint32_t platform_count = 0;
  if (cl_.clGetPlatformIDs(8, platforms, &platform_count) != kSuccess) return nullptr;
  DeviceId first = nullptr;
  for (uint32_t i = 0; i < platform_count && i < 8; i++) {
    DeviceId devices[8];
    uint32_t device_count = 0;
    if (cl_.clGetDeviceIDs(platforms[i], kDeviceTypeAll, 8, devices, &device_count) != kSuccess) continue;
    for (uint32_t k = 0; k < device_count && k < 8; k++) {
      uint64_t type = 0;
      cl_.clGetDeviceInfo(devices[k], kDeviceType, sizeof type, &type, nullptr);
      if ((type & kDeviceTypeCpu) == 0) return devices[k];
      if (first == nullptr) first = devices[k];
    }
  }
  on_cpu_ = first != nullptr;
  return first;
}

std::string OpenClDevice::describe(DeviceId device) {
  char name[256] = "", platform_name[256] = "";
  Platform platform = nullptr;
  cl_.clGetDeviceInfo(device, kDeviceName, sizeof name - 1, name, nullptr);
  cl_.clGetDeviceInfo(device, kDevicePlatform, sizeof(Platform), &platform, nullptr);
  cl_.clGetPlatformInfo(platform, kPlatformName, sizeof platform_name - 1, platform_name, nullptr);
  return std::string(name) + " (" + platform_name + ")" + (on_cpu_ ? ", which runs on the CPU" : "");
}

bool OpenClDevice::build_kernels(DeviceId device) {
  int32_t error = kSuccess;
  const char* source = kSource;
  program_ = cl_.clCreateProgramWithSource(context_, 1, &source, nullptr, &error);
  if (program_ == nullptr) return false;
  const std::string options = "-DDIMENSIONS=" + std::to_string(kDimensions) + " -DNOISE=" + std::to_string(kNoise) +
                              " -DGROUP=" + std::to_string(kGroup);
  if (cl_.clBuildProgram(program_, 1, &device, options.c_str(), nullptr, nullptr) != kSuccess) return false;
  score_ = cl_.clCreateKernel(program_, "score", &error);
  pick_ = cl_.clCreateKernel(program_, "pick", &error);
  return score_ != nullptr && pick_ != nullptr;
}

bool OpenClDevice::make_buffers() {
  int32_t error = kSuccess;
  const auto filled = [&](const auto& data) {
    return cl_.clCreateBuffer(context_, kMemReadOnly | kMemCopyHostPointer, data.size() * sizeof data[0],
                              const_cast<void*>(static_cast<const void*>(data.data())), &error);
  };
  const auto empty = [&](size_t bytes) { return cl_.clCreateBuffer(context_, kMemReadWrite, bytes, nullptr, &error); };
  weights_ = filled(model_.weights);
  noise_ = filled(model_.noise);
  hidden_ = empty(kMaxBatch * kDimensions);
  seeds_ = empty(kMaxBatch * sizeof(uint32_t));
  scores_ = empty(size_t{kMaxBatch} * model_.rows() * sizeof(int32_t));
  picks_ = empty(kMaxBatch * sizeof(int32_t));
  if (!weights_ || !noise_ || !hidden_ || !seeds_ || !scores_ || !picks_) return false;

  const uint32_t rows = model_.rows();
  const auto set = [&](Kernel kernel, uint32_t index, const auto& value) {
    return cl_.clSetKernelArg(kernel, index, sizeof value, &value) == kSuccess;
  };
  return set(score_, 0, weights_) && set(score_, 1, noise_) && set(score_, 2, hidden_) && set(score_, 3, seeds_) &&
         set(score_, 4, rows) && set(score_, 5, scores_) && set(pick_, 0, scores_) && set(pick_, 1, rows) &&
         set(pick_, 2, picks_);
}

bool OpenClDevice::open(std::string* error) {
  const DeviceId device = choose_device();
  if (device == nullptr) return *error = "OpenCL is installed but has no device", false;
  name_ = describe(device);

  int32_t code = kSuccess;
  context_ = cl_.clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
  if (context_ == nullptr) return *error = "cannot create an OpenCL context on " + name_, false;
  queue_ = cl_.clCreateCommandQueue(context_, device, kQueueProfilingEnable, &code);
  if (queue_ == nullptr) return *error = "cannot create an OpenCL queue on " + name_, false;
  if (!build_kernels(device)) return *error = "cannot build the OpenCL kernels on " + name_, false;
  if (!make_buffers()) return *error = "cannot allocate the model on " + name_, false;
  return true;
}

bool OpenClDevice::upload(const Job& job) {
  return cl_.clEnqueueWriteBuffer(queue_, hidden_, 0, 0, job.hidden.size(), job.hidden.data(), 0, nullptr, nullptr) ==
             kSuccess &&
         cl_.clEnqueueWriteBuffer(queue_, seeds_, 0, 0, job.seeds.size() * sizeof(uint32_t), job.seeds.data(), 0,
                                  nullptr, nullptr) == kSuccess;
}

bool OpenClDevice::forward(const Job& job) {
  // Always the same group, because some drivers compile a kernel anew for each size of it.
  const size_t group[] = {kGroup, 1};
  const size_t all[] = {(model_.rows() + kGroup - 1) / kGroup * kGroup, job.seeds.size()};
  const size_t items = job.seeds.size() * kGroup;
  return cl_.clEnqueueNDRangeKernel(queue_, score_, 2, nullptr, all, group, 0, nullptr, nullptr) == kSuccess &&
         cl_.clEnqueueNDRangeKernel(queue_, pick_, 1, nullptr, &items, &kGroup, 0, nullptr, nullptr) == kSuccess;
}

bool OpenClDevice::download(OpenClJob& job) {
  return cl_.clEnqueueReadBuffer(queue_, picks_, 0, 0, job.picks.size() * sizeof(int32_t), job.picks.data(), 0, nullptr,
                                 &job.done) == kSuccess;
}

bool OpenClDevice::launch(Job& job, uint64_t trace) {
  static gpuspan_stage upload_stage = GPUSPAN_STAGE("gpu", "gpu_upload", 3);
  static gpuspan_stage forward_stage = GPUSPAN_STAGE("gpu", "gpu_forward", 2);
  static gpuspan_stage download_stage = GPUSPAN_STAGE("gpu", "gpu_download", 3);
  static gpuspan_key rows_key = GPUSPAN_KEY("rows");

  const gpuspan_request request = gpuspan_adopt(trace);
  gpuspan_gpu_token slice = gpuspan_gpu_begin(&upload_stage, request, queue_);
  bool launched = upload(job);
  gpuspan_gpu_end(slice);

  slice = gpuspan_gpu_begin(&forward_stage, request, queue_);
  launched = launched && forward(job);
  gpuspan_gpu_set_int(slice, &rows_key, static_cast<int64_t>(job.seeds.size()));
  gpuspan_gpu_end(slice);

  slice = gpuspan_gpu_begin(&download_stage, request, queue_);
  launched = launched && download(static_cast<OpenClJob&>(job));
  gpuspan_gpu_end(slice);
  gpuspan_leave(request);

  cl_.clFlush(queue_);
  // A job that was launched in part may still be reading its input.
  if (!launched) cl_.clFinish(queue_);
  return launched;
}

bool OpenClDevice::wait(Job& job) {
  Event& done = static_cast<OpenClJob&>(job).done;
  if (done == nullptr) return false;
  const bool succeeded = cl_.clWaitForEvents(1, &done) == kSuccess;
  cl_.clReleaseEvent(done);
  done = nullptr;
  return succeeded;
}

OpenClDevice::~OpenClDevice() {
  if (queue_ != nullptr) cl_.clFinish(queue_);
  for (Memory memory : {weights_, noise_, hidden_, seeds_, scores_, picks_})
    if (memory != nullptr) cl_.clReleaseMemObject(memory);
  for (Kernel kernel : {score_, pick_})
    if (kernel != nullptr) cl_.clReleaseKernel(kernel);
  if (program_ != nullptr) cl_.clReleaseProgram(program_);
  if (queue_ != nullptr) cl_.clReleaseCommandQueue(queue_);
  if (context_ != nullptr) cl_.clReleaseContext(context_);
}

}  // namespace

std::unique_ptr<Device> open_opencl_device(Model model, std::string* error) {
  const Library* library = load_library();
  if (library == nullptr) {
    *error = "OpenCL (libOpenCL.so.1) is not installed";
    return nullptr;
  }
  auto device = std::make_unique<OpenClDevice>(*library, std::move(model));
  if (!device->open(error)) return nullptr;
  return device;
}

}  // namespace text_server
