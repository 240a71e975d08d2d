// SPDX-License-Identifier: Apache-2.0
//
// The entry points of the CUDA driver that the timer calls, found at run time. Set-up path, once a process.
#ifndef GPUSPAN_GPU_CUDA_CUDA_API_H_
#define GPUSPAN_GPU_CUDA_CUDA_API_H_

#include <string>

#include "cuda_types.h"

namespace gpuspan::cuda {

// One pointer a function that is used. Null where `optional` says so and the driver is older.
struct Api {
  InitFunction init = nullptr;
  DriverGetVersionFunction driver_get_version = nullptr;
  DeviceGetCountFunction device_get_count = nullptr;
  DeviceGetFunction device_get = nullptr;
  DeviceGetNameFunction device_get_name = nullptr;
  DeviceGetUuidFunction device_get_uuid = nullptr;       // of the GPU, also for a MIG instance
  DeviceGetUuidV2Function device_get_uuid_v2 = nullptr;  // optional, 11.4: of the MIG instance
  CtxGetCurrentFunction ctx_get_current = nullptr;
  CtxSetCurrentFunction ctx_set_current = nullptr;
  CtxGetDeviceFunction ctx_get_device = nullptr;
  CtxGetIdFunction ctx_get_id = nullptr;  // optional, 12.0
  CtxGetStreamPriorityRangeFunction ctx_get_stream_priority_range = nullptr;
  StreamCreateWithPriorityFunction stream_create_with_priority = nullptr;
  StreamDestroyV2Function stream_destroy = nullptr;
  StreamGetCtxFunction stream_get_ctx = nullptr;
  StreamGetIdFunction stream_get_id = nullptr;  // optional, 12.0
  StreamIsCapturingFunction stream_is_capturing = nullptr;
  ThreadExchangeStreamCaptureModeFunction thread_exchange_stream_capture_mode = nullptr;
  EventCreateFunction event_create = nullptr;
  EventDestroyV2Function event_destroy = nullptr;
  EventRecordFunction event_record = nullptr;
  EventQueryFunction event_query = nullptr;
  EventElapsedTimeFunction event_elapsed_time = nullptr;  // the newer of its two versions

  bool simulated = false;  // the library says that it is the simulated driver
  int version = 0;         // as cuDriverGetVersion gives it: 1000 * major + 10 * minor
};

inline constexpr const char* kLibrary = "libcuda.so.1";
// A driver that exports this symbol is a simulated one.
inline constexpr const char* kSimulatedSymbol = "gpuspan_simulated_driver";

// Opens the library, which stays loaded for good, initializes the driver (cuInit) and fills the table. False with
// `reason`, a sentence. Creates no context.
bool load(const char* library, Api* api, std::string* reason);

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_CUDA_API_H_
