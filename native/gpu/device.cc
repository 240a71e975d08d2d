// SPDX-License-Identifier: Apache-2.0
//
// Which device timer a process uses. Set-up path, once a process.
#include "device_timer.h"
#include "opencl/opencl_timer.h"

namespace gpuspan {
namespace {

std::unique_ptr<DeviceTimer> open_auto(std::string* reason) {
  std::string opencl;
  auto timer = make_opencl_timer(&opencl);
  if (timer == nullptr) {
    *reason =
        "no GPU can be timed: CUDA is not in this build; " + opencl + "; GPUSPAN_DEVICE=none says that this is meant";
  }
  return timer;
}

}  // namespace

std::unique_ptr<DeviceTimer> open_device(const DeviceOptions& options, std::string* reason) {
  switch (options.choice) {
    case DeviceChoice::kNone:
      *reason = "GPUSPAN_DEVICE=none";
      return nullptr;
    case DeviceChoice::kOpenCl:
      return make_opencl_timer(reason);
    case DeviceChoice::kCuda:
      *reason = "CUDA is not in this build yet; use GPUSPAN_DEVICE=opencl with a command queue, or none";
      return nullptr;
    case DeviceChoice::kSim:
      *reason =
          "the simulated CUDA driver is not in this build yet; use GPUSPAN_DEVICE=opencl (PoCL runs on any CPU), or "
          "none";
      return nullptr;
    case DeviceChoice::kAuto:
      break;
  }
  return open_auto(reason);
}

}  // namespace gpuspan
