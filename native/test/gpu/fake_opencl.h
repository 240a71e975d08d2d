// SPDX-License-Identifier: Apache-2.0
//
// The controls of fake_opencl.cc, an OpenCL library that fails, delays and lies on command. A test opens it through
// the same dlopen as the real one and finds its controls with dlsym("fake_opencl").
#ifndef GPUSPAN_TEST_GPU_FAKE_OPENCL_H_
#define GPUSPAN_TEST_GPU_FAKE_OPENCL_H_

#include <atomic>
#include <cstdint>

namespace gpuspan {

struct FakeOpenCl {
  static constexpr uint64_t kAlways = ~uint64_t{0};

  // Faults.
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> failing{0};    // the n-th call from `calls` = 0, kAlways, or 0: none
  std::atomic<uint32_t> platforms{1};  // 0: CL_PLATFORM_NOT_FOUND_KHR, as loaders without drivers say
  std::atomic<uint32_t> devices{1};
  std::atomic<const char*> version{"OpenCL 1.2 fake"};
  std::atomic<int32_t> marker_status{0};  // final status of markers: negative for failed commands
  std::atomic<bool> no_stamps{false};     // profiling stamps are 0

  // Behaviour.
  std::atomic<bool> collect{false};         // markers wait for clFlush
  std::atomic<int64_t> clock_offset_ns{0};  // device clock minus CLOCK_MONOTONIC
  std::atomic<int64_t> clock_tick_ns{1};

  // What a test looks at.
  std::atomic<uint64_t> flushes{0};
  std::atomic<int64_t> events_alive{0};
  std::atomic<int64_t> queue_references{0};

  // Made by the fake: handles to pass as streams.
  uint64_t (*make_queue)(uint64_t properties) = nullptr;
  uint64_t (*make_queue_on_subdevice)(uint64_t properties) = nullptr;
};

using GetFakeOpenCl = FakeOpenCl* (*)();

}  // namespace gpuspan

#endif  // GPUSPAN_TEST_GPU_FAKE_OPENCL_H_
