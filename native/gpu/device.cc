// SPDX-License-Identifier: Apache-2.0
//
// Which device timer a process uses. Set-up path, once a process.
#include "cuda/cuda_timer.h"
#include "device_timer.h"
#include "opencl/opencl_timer.h"

namespace gpuspan {
namespace {

std::unique_ptr<DeviceTimer> open_cuda(const DeviceOptions& options, std::string* reason) {
  const std::string& library = options.cuda_library;
  return make_cuda_timer(reason, library.empty() ? cuda::kLibrary : library.c_str());
}

// Never a real driver by mistake: who asks for the simulated one wants nothing on a GPU.
std::unique_ptr<DeviceTimer> open_simulated(const DeviceOptions& options, std::string* reason) {
  if (options.cuda_library.empty()) {
    *reason =
        "GPUSPAN_DEVICE=sim needs GPUSPAN_CUDA_LIBRARY, the path of the simulated CUDA driver (native/sim in gpuspan's "
        "repository)";
    return nullptr;
  }
  std::unique_ptr<DeviceTimer> timer = open_cuda(options, reason);
  if (timer == nullptr || timer->source() == GpuSource::kSimulated) return timer;
  *reason = "GPUSPAN_CUDA_LIBRARY=" + options.cuda_library +
            " is not the simulated CUDA driver; build that one, or use GPUSPAN_DEVICE=cuda";
  return nullptr;
}

std::unique_ptr<DeviceTimer> open_auto(const DeviceOptions& options, std::string* reason) {
  std::string cuda, opencl;
  std::unique_ptr<DeviceTimer> timer = open_cuda(options, &cuda);
  if (timer == nullptr) timer = make_opencl_timer(&opencl);
  if (timer == nullptr) {
    *reason = "no GPU can be timed: " + cuda + "; " + opencl + "; GPUSPAN_DEVICE=none says that this is meant";
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
      return open_cuda(options, reason);
    case DeviceChoice::kSim:
      return open_simulated(options, reason);
    case DeviceChoice::kAuto:
      break;
  }
  return open_auto(options, reason);
}

}  // namespace gpuspan
