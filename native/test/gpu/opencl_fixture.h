// SPDX-License-Identifier: Apache-2.0
//
// A real OpenCL device for tests: context, queues and a kernel that keeps the device busy for a while. Tests that use
// it are skipped, with the reason, where there is no OpenCL; with GPUSPAN_REQUIRE_OPENCL=1 they fail instead.
#ifndef GPUSPAN_TEST_GPU_OPENCL_FIXTURE_H_
#define GPUSPAN_TEST_GPU_OPENCL_FIXTURE_H_

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "native/gpu/opencl/opencl_timer.h"

namespace gpuspan {

inline bool opencl_required() {
  const char* required = std::getenv("GPUSPAN_REQUIRE_OPENCL");
  return required != nullptr && std::strcmp(required, "1") == 0;
}

class OpenClTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    timer_ = make_opencl_timer(&reason);
    if (timer_ == nullptr) {
      if (opencl_required()) FAIL() << "GPUSPAN_REQUIRE_OPENCL=1, but " << reason;
      GTEST_SKIP() << reason;
    }
    cl_platform_id platform;
    ASSERT_EQ(clGetPlatformIDs(1, &platform, nullptr), CL_SUCCESS);
    ASSERT_EQ(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device_, nullptr), CL_SUCCESS);
    cl_int status;
    context_ = clCreateContext(nullptr, 1, &device_, nullptr, nullptr, &status);
    ASSERT_EQ(status, CL_SUCCESS);
    buffer_ = clCreateBuffer(context_, CL_MEM_READ_WRITE, kItems * sizeof(cl_float), nullptr, &status);
    ASSERT_EQ(status, CL_SUCCESS);
    build_kernel();
  }

  void TearDown() override {
    timer_.reset();
    for (cl_command_queue queue : queues_) clReleaseCommandQueue(queue);
    if (kernel_ != nullptr) clReleaseKernel(kernel_);
    if (program_ != nullptr) clReleaseProgram(program_);
    if (buffer_ != nullptr) clReleaseMemObject(buffer_);
    if (context_ != nullptr) clReleaseContext(context_);
  }

  cl_command_queue make_queue(cl_command_queue_properties properties = CL_QUEUE_PROFILING_ENABLE) {
    cl_int status;
    queues_.push_back(clCreateCommandQueue(context_, device_, properties, &status));
    EXPECT_EQ(status, CL_SUCCESS);
    return queues_.back();
  }

  // Some microseconds of work for every thousand rounds.
  void enqueue_work(cl_command_queue queue, cl_int rounds) {
    const size_t items = kItems;
    EXPECT_EQ(clSetKernelArg(kernel_, 0, sizeof buffer_, &buffer_), CL_SUCCESS);
    EXPECT_EQ(clSetKernelArg(kernel_, 1, sizeof rounds, &rounds), CL_SUCCESS);
    EXPECT_EQ(clEnqueueNDRangeKernel(queue, kernel_, 1, nullptr, &items, nullptr, 0, nullptr, nullptr), CL_SUCCESS);
  }

  static uint64_t number(const void* handle) { return reinterpret_cast<uint64_t>(handle); }

  static constexpr size_t kItems = 4;
  std::unique_ptr<DeviceTimer> timer_;
  cl_device_id device_ = nullptr;
  cl_context context_ = nullptr;
  cl_mem buffer_ = nullptr;
  cl_program program_ = nullptr;
  cl_kernel kernel_ = nullptr;
  std::vector<cl_command_queue> queues_;

 private:
  void build_kernel() {
    const char* source =
        "__kernel void spin(__global float* x, int n) {"
        "  float v = 1.0f; for (int i = 0; i < n; i++) v = v * 1.0001f + 0.5f; x[get_global_id(0)] = v; }";
    cl_int status;
    program_ = clCreateProgramWithSource(context_, 1, &source, nullptr, &status);
    ASSERT_EQ(clBuildProgram(program_, 1, &device_, "", nullptr, nullptr), CL_SUCCESS);
    kernel_ = clCreateKernel(program_, "spin", &status);
    ASSERT_EQ(status, CL_SUCCESS);
  }
};

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_GPU_OPENCL_FIXTURE_H_
