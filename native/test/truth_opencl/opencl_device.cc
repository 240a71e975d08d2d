// SPDX-License-Identifier: Apache-2.0
//
// OpenCL calls of the test's application.
#include "opencl_device.h"

#include <algorithm>

#include "native/core/clock.h"

namespace gpuspan::truth {
namespace {

constexpr size_t kItems = 4;
constexpr int kMarkersToCheck = 64;
constexpr cl_int kCalibrationRounds = 400'000;
constexpr const char* kSource =
    "__kernel void spin(__global float* x, int n) {"
    "  float v = 1.0f; for (int i = 0; i < n; i++) v = v * 0.9999f + 0.5f; x[get_global_id(0)] = v; }";

int64_t raw_ns() { return static_cast<int64_t>(read_clock_ns(CLOCK_MONOTONIC_RAW)); }

int64_t stamp(cl_event event, cl_profiling_info which) noexcept {
  cl_ulong value = 0;
  if (clGetEventProfilingInfo(event, which, sizeof value, &value, nullptr) != CL_SUCCESS) return 0;
  return static_cast<int64_t>(value);
}

std::string not_between(const char* what, int64_t stamp, int64_t low, int64_t high) {
  return std::string("this device's clock is not CLOCK_MONOTONIC_RAW: a marker's ") + what + " stamp is " +
         std::to_string(stamp) + ", but by that clock it was taken between " + std::to_string(low) + " and " +
         std::to_string(high) + "; the truth is known only on a device that keeps time by it, such as PoCL's";
}

}  // namespace

MarkerStamps read_marker(cl_event marker) noexcept {
  return {stamp(marker, CL_PROFILING_COMMAND_QUEUED), stamp(marker, CL_PROFILING_COMMAND_END)};
}

OpenClDevice::~OpenClDevice() {
  for (cl_command_queue queue : queues_) clReleaseCommandQueue(queue);
  for (cl_kernel kernel : kernels_) clReleaseKernel(kernel);
  if (program_ != nullptr) clReleaseProgram(program_);
  if (buffer_ != nullptr) clReleaseMemObject(buffer_);
  if (context_ != nullptr) clReleaseContext(context_);
}

bool OpenClDevice::fail(const char* call, cl_int status, std::string* error) {
  *error = std::string(call) + " returned " + std::to_string(status);
  return false;
}

bool OpenClDevice::open(std::string* error) {
  cl_platform_id platform;
  cl_int status = clGetPlatformIDs(1, &platform, nullptr);
  if (status != CL_SUCCESS) return fail("clGetPlatformIDs", status, error);
  status = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device_, nullptr);
  if (status != CL_SUCCESS) return fail("clGetDeviceIDs", status, error);
  context_ = clCreateContext(nullptr, 1, &device_, nullptr, nullptr, &status);
  if (status != CL_SUCCESS) return fail("clCreateContext", status, error);
  buffer_ = clCreateBuffer(context_, CL_MEM_READ_WRITE, kItems * sizeof(cl_float), nullptr, &status);
  if (status != CL_SUCCESS) return fail("clCreateBuffer", status, error);
  const char* source = kSource;
  program_ = clCreateProgramWithSource(context_, 1, &source, nullptr, &status);
  if (status != CL_SUCCESS) return fail("clCreateProgramWithSource", status, error);
  status = clBuildProgram(program_, 1, &device_, "", nullptr, nullptr);
  if (status != CL_SUCCESS) return fail("clBuildProgram", status, error);
  return calibrate(error);
}

cl_command_queue OpenClDevice::make_queue() {
  cl_int status;
  cl_command_queue queue = clCreateCommandQueue(context_, device_, CL_QUEUE_PROFILING_ENABLE, &status);
  if (status != CL_SUCCESS) return nullptr;
  queues_.push_back(queue);
  return queue;
}

cl_kernel OpenClDevice::make_kernel() {
  cl_int status;
  cl_kernel kernel = clCreateKernel(program_, "spin", &status);
  if (status != CL_SUCCESS) return nullptr;
  kernels_.push_back(kernel);
  return kernel;
}

bool OpenClDevice::enqueue_spin(cl_command_queue queue, cl_kernel kernel, uint64_t duration_ns) {
  const auto rounds = static_cast<cl_int>(static_cast<double>(duration_ns) / ns_per_round_);
  const size_t items = kItems;
  return clSetKernelArg(kernel, 0, sizeof buffer_, &buffer_) == CL_SUCCESS &&
         clSetKernelArg(kernel, 1, sizeof rounds, &rounds) == CL_SUCCESS &&
         clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr) == CL_SUCCESS;
}

// How long a round of the kernel's loop takes: the shortest of a few runs.
bool OpenClDevice::calibrate(std::string* error) {
  cl_command_queue queue = make_queue();
  cl_kernel kernel = make_kernel();
  if (queue == nullptr || kernel == nullptr) return fail("clCreateCommandQueue or clCreateKernel", -1, error);
  const cl_int rounds = kCalibrationRounds;
  const size_t items = kItems;
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < 5; ++i) {
    cl_event event;
    clSetKernelArg(kernel, 0, sizeof buffer_, &buffer_);
    clSetKernelArg(kernel, 1, sizeof rounds, &rounds);
    const cl_int status = clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, &event);
    if (status != CL_SUCCESS) return fail("clEnqueueNDRangeKernel", status, error);
    clFinish(queue);
    shortest = std::min(shortest, stamp(event, CL_PROFILING_COMMAND_END) - stamp(event, CL_PROFILING_COMMAND_START));
    clReleaseEvent(event);
  }
  ns_per_round_ = static_cast<double>(std::max<int64_t>(shortest, 1)) / kCalibrationRounds;
  return true;
}

std::string OpenClDevice::check_clock() {
  cl_command_queue queue = make_queue();
  if (queue == nullptr) return "clCreateCommandQueue failed";
  for (int i = 0; i < kMarkersToCheck; ++i) {
    cl_event marker;
    const int64_t before = raw_ns();
    const cl_int status = clEnqueueMarkerWithWaitList(queue, 0, nullptr, &marker);
    const int64_t after = raw_ns();
    if (status != CL_SUCCESS) return "clEnqueueMarkerWithWaitList returned " + std::to_string(status);
    clFinish(queue);
    const int64_t finished = raw_ns();
    const MarkerStamps stamps = read_marker(marker);
    clReleaseEvent(marker);
    if (stamps.queued_ns < before || stamps.queued_ns > after) {
      return not_between("QUEUED", stamps.queued_ns, before, after);
    }
    if (stamps.end_ns < before || stamps.end_ns > finished) return not_between("END", stamps.end_ns, before, finished);
  }
  return {};
}

}  // namespace gpuspan::truth
