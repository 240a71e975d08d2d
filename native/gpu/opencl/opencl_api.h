// SPDX-License-Identifier: Apache-2.0
//
// The part of OpenCL 1.2 that gpuspan uses, declared here so that building needs no OpenCL headers and loading needs
// no OpenCL library: functions come from dlopen. native/test/gpu/opencl_declarations_test.cc proves at compile time
// that every constant, size and signature is the one of the real headers.
#ifndef GPUSPAN_GPU_OPENCL_OPENCL_API_H_
#define GPUSPAN_GPU_OPENCL_OPENCL_API_H_

#include <cstddef>
#include <cstdint>
#include <string>

// The tags of OpenCL's opaque objects, which its ABI fixes; never defined.
struct _cl_platform_id;
struct _cl_device_id;
struct _cl_context;
struct _cl_command_queue;
struct _cl_event;

namespace gpuspan::opencl {

using Status = int32_t;
using Unsigned = uint32_t;
using Bitfield = uint64_t;
using Info = uint32_t;  // names what a clGet...Info call shall return
using Platform = _cl_platform_id*;
using Device = _cl_device_id*;
using Context = _cl_context*;
using Queue = _cl_command_queue*;
using Event = _cl_event*;

inline constexpr Status kSuccess = 0;
inline constexpr Status kInvalidContext = -34;
inline constexpr Status kPlatformNotFound = -1001;  // the loader found no driver

// Execution status of a command; negative: it failed.
inline constexpr Status kComplete = 0;
inline constexpr Status kRunning = 1;
inline constexpr Status kSubmitted = 2;
inline constexpr Status kQueued = 3;

inline constexpr Bitfield kDeviceTypeAll = 0xffffffff;
inline constexpr Bitfield kQueueOutOfOrder = 1 << 0;
inline constexpr Bitfield kQueueProfiling = 1 << 1;

inline constexpr Info kPlatformName = 0x0902;
inline constexpr Info kDeviceTimerResolution = 0x1025;  // CL_DEVICE_PROFILING_TIMER_RESOLUTION: size_t, ns
inline constexpr Info kDeviceName = 0x102b;
inline constexpr Info kDeviceVersion = 0x102f;
inline constexpr Info kDeviceParent = 0x1042;
inline constexpr Info kContextDevices = 0x1081;
inline constexpr Info kQueueContext = 0x1090;
inline constexpr Info kQueueDevice = 0x1091;
inline constexpr Info kQueueProperties = 0x1093;
inline constexpr Info kEventStatus = 0x11d3;  // CL_EVENT_COMMAND_EXECUTION_STATUS
inline constexpr Info kProfilingQueued = 0x1280;
inline constexpr Info kProfilingEnd = 0x1283;

// One pointer a function that is used; null until loaded.
struct Api {
  Status (*get_platform_ids)(Unsigned, Platform*, Unsigned*) = nullptr;
  Status (*get_platform_info)(Platform, Info, size_t, void*, size_t*) = nullptr;
  Status (*get_device_ids)(Platform, Bitfield, Unsigned, Device*, Unsigned*) = nullptr;
  Status (*get_device_info)(Device, Info, size_t, void*, size_t*) = nullptr;
  Status (*get_context_info)(Context, Info, size_t, void*, size_t*) = nullptr;
  Status (*get_queue_info)(Queue, Info, size_t, void*, size_t*) = nullptr;
  Status (*retain_queue)(Queue) = nullptr;
  Status (*release_queue)(Queue) = nullptr;
  Status (*enqueue_marker)(Queue, Unsigned, const Event*, Event*) = nullptr;  // clEnqueueMarkerWithWaitList
  Status (*flush)(Queue) = nullptr;
  Status (*get_event_info)(Event, Info, size_t, void*, size_t*) = nullptr;
  Status (*get_profiling_info)(Event, Info, size_t, void*, size_t*) = nullptr;
  Status (*release_event)(Event) = nullptr;
};

inline constexpr const char* kLibrary = "libOpenCL.so.1";

// Opens the library, which stays loaded for good, and fills the table. False with `reason`, a sentence.
bool load(const char* library, Api* api, std::string* reason);

}  // namespace gpuspan::opencl

#endif  // GPUSPAN_GPU_OPENCL_OPENCL_API_H_
