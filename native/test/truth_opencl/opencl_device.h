// SPDX-License-Identifier: Apache-2.0
//
// The application's side of OpenCL: a context, in-order profiling queues and a kernel that takes as long as asked for.
// Also the check on which everything here rests: that the device keeps time by CLOCK_MONOTONIC_RAW.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_OPENCL_DEVICE_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_OPENCL_DEVICE_H_

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "stamp_tap.h"

namespace gpuspan::truth {

// Zeros where the driver does not answer.
MarkerStamps read_marker(cl_event marker) noexcept;

class OpenClDevice {
 public:
  OpenClDevice() = default;
  ~OpenClDevice();
  OpenClDevice(const OpenClDevice&) = delete;
  OpenClDevice& operator=(const OpenClDevice&) = delete;

  // The first device of the first platform. False with `error`, a sentence.
  bool open(std::string* error);
  // Enqueues markers between two reads of CLOCK_MONOTONIC_RAW. Empty when every QUEUED stamp lies between its two and
  // every END between the enqueuing and the return of clFinish; else a sentence that says what was found instead.
  std::string check_clock();

  // In-order, with profiling; lives as long as the device. Null on failure.
  cl_command_queue make_queue();
  // A kernel object of one's own (setting arguments is not thread-safe); lives as long as the device.
  cl_kernel make_kernel();
  // Keeps the device busy for about `duration_ns`. False when the driver refuses.
  bool enqueue_spin(cl_command_queue queue, cl_kernel kernel, uint64_t duration_ns);

 private:
  bool fail(const char* call, cl_int status, std::string* error);
  bool calibrate(std::string* error);

  cl_device_id device_ = nullptr;
  cl_context context_ = nullptr;
  cl_mem buffer_ = nullptr;
  cl_program program_ = nullptr;
  std::vector<cl_kernel> kernels_;
  std::vector<cl_command_queue> queues_;
  double ns_per_round_ = 1;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_OPENCL_DEVICE_H_
