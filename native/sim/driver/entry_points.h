// SPDX-License-Identifier: Apache-2.0
//
// Every entry point of the simulated driver, once, as data: its symbol, the name cuGetProcAddress knows it by, the CUDA
// version that brought it, which default stream it means, what kind of call it is, and its type. The list declares the
// functions, numbers them for counting and failing, and is cuGetProcAddress's table.
#ifndef GPUSPAN_SIM_DRIVER_ENTRY_POINTS_H_
#define GPUSPAN_SIM_DRIVER_ENTRY_POINTS_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "native/gpu/cuda/cuda_types.h"

// In a driver for CUDA 11.2.
#define GPUSPAN_SIM_OLD_ENTRY_POINTS(X)                                                                                \
  X(cuInit, cuInit, 2000, kOnly, kBare, InitFunction)                                                                  \
  X(cuDriverGetVersion, cuDriverGetVersion, 2020, kOnly, kBare, DriverGetVersionFunction)                              \
  X(cuGetErrorName, cuGetErrorName, 6000, kOnly, kName, GetErrorNameFunction)                                          \
  X(cuGetErrorString, cuGetErrorString, 6000, kOnly, kName, GetErrorStringFunction)                                    \
  X(cuDeviceGetCount, cuDeviceGetCount, 2000, kOnly, kDevice, DeviceGetCountFunction)                                  \
  X(cuDeviceGet, cuDeviceGet, 2000, kOnly, kDevice, DeviceGetFunction)                                                 \
  X(cuDeviceGetName, cuDeviceGetName, 2000, kOnly, kDevice, DeviceGetNameFunction)                                     \
  X(cuDeviceGetUuid, cuDeviceGetUuid, 9020, kOnly, kDevice, DeviceGetUuidFunction)                                     \
  X(cuDeviceGetAttribute, cuDeviceGetAttribute, 2000, kOnly, kDevice, DeviceGetAttributeFunction)                      \
  X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, 7000, kOnly, kDevice, DevicePrimaryCtxRetainFunction)          \
  X(cuDevicePrimaryCtxRelease_v2, cuDevicePrimaryCtxRelease, 11000, kOnly, kDevice, DevicePrimaryCtxReleaseV2Function) \
  X(cuDevicePrimaryCtxReset_v2, cuDevicePrimaryCtxReset, 11000, kOnly, kDevice, DevicePrimaryCtxResetV2Function)       \
  X(cuDevicePrimaryCtxGetState, cuDevicePrimaryCtxGetState, 7000, kOnly, kDevice, DevicePrimaryCtxGetStateFunction)    \
  X(cuCtxCreate_v2, cuCtxCreate, 3020, kOnly, kDevice, CtxCreateV2Function)                                            \
  X(cuCtxDestroy_v2, cuCtxDestroy, 4000, kOnly, kDevice, CtxDestroyV2Function)                                         \
  X(cuCtxGetCurrent, cuCtxGetCurrent, 4000, kOnly, kDevice, CtxGetCurrentFunction)                                     \
  X(cuCtxSetCurrent, cuCtxSetCurrent, 4000, kOnly, kDevice, CtxSetCurrentFunction)                                     \
  X(cuCtxPushCurrent_v2, cuCtxPushCurrent, 4000, kOnly, kDevice, CtxPushCurrentV2Function)                             \
  X(cuCtxPopCurrent_v2, cuCtxPopCurrent, 4000, kOnly, kDevice, CtxPopCurrentV2Function)                                \
  X(cuCtxGetDevice, cuCtxGetDevice, 2000, kOnly, kContext, CtxGetDeviceFunction)                                       \
  X(cuCtxGetStreamPriorityRange, cuCtxGetStreamPriorityRange, 5050, kOnly, kContext,                                   \
    CtxGetStreamPriorityRangeFunction)                                                                                 \
  X(cuCtxSynchronize, cuCtxSynchronize, 2000, kOnly, kContext, CtxSynchronizeFunction)                                 \
  X(cuStreamCreate, cuStreamCreate, 2000, kOnly, kContext, StreamCreateFunction)                                       \
  X(cuStreamCreateWithPriority, cuStreamCreateWithPriority, 5050, kOnly, kContext, StreamCreateWithPriorityFunction)   \
  X(cuStreamDestroy_v2, cuStreamDestroy, 4000, kOnly, kContext, StreamDestroyV2Function)                               \
  X(cuStreamGetCtx, cuStreamGetCtx, 9020, kLegacy, kContext, StreamGetCtxFunction)                                     \
  X(cuStreamGetCtx_ptsz, cuStreamGetCtx, 9020, kPerThread, kContext, StreamGetCtxFunction)                             \
  X(cuStreamGetFlags, cuStreamGetFlags, 5050, kLegacy, kContext, StreamGetFlagsFunction)                               \
  X(cuStreamGetFlags_ptsz, cuStreamGetFlags, 7000, kPerThread, kContext, StreamGetFlagsFunction)                       \
  X(cuStreamGetPriority, cuStreamGetPriority, 5050, kLegacy, kContext, StreamGetPriorityFunction)                      \
  X(cuStreamGetPriority_ptsz, cuStreamGetPriority, 7000, kPerThread, kContext, StreamGetPriorityFunction)              \
  X(cuStreamQuery, cuStreamQuery, 2000, kLegacy, kQuery, StreamQueryFunction)                                          \
  X(cuStreamQuery_ptsz, cuStreamQuery, 7000, kPerThread, kQuery, StreamQueryFunction)                                  \
  X(cuStreamSynchronize, cuStreamSynchronize, 2000, kLegacy, kContext, StreamSynchronizeFunction)                      \
  X(cuStreamSynchronize_ptsz, cuStreamSynchronize, 7000, kPerThread, kContext, StreamSynchronizeFunction)              \
  X(cuStreamWaitEvent, cuStreamWaitEvent, 3020, kLegacy, kRecord, StreamWaitEventFunction)                             \
  X(cuStreamWaitEvent_ptsz, cuStreamWaitEvent, 7000, kPerThread, kRecord, StreamWaitEventFunction)                     \
  X(cuStreamBeginCapture_v2, cuStreamBeginCapture, 10010, kLegacy, kContext, StreamBeginCaptureV2Function)             \
  X(cuStreamBeginCapture_v2_ptsz, cuStreamBeginCapture, 10010, kPerThread, kContext, StreamBeginCaptureV2Function)     \
  X(cuStreamEndCapture, cuStreamEndCapture, 10000, kLegacy, kContext, StreamEndCaptureFunction)                        \
  X(cuStreamEndCapture_ptsz, cuStreamEndCapture, 10000, kPerThread, kContext, StreamEndCaptureFunction)                \
  X(cuStreamIsCapturing, cuStreamIsCapturing, 10000, kLegacy, kContext, StreamIsCapturingFunction)                     \
  X(cuStreamIsCapturing_ptsz, cuStreamIsCapturing, 10000, kPerThread, kContext, StreamIsCapturingFunction)             \
  X(cuThreadExchangeStreamCaptureMode, cuThreadExchangeStreamCaptureMode, 10010, kOnly, kDevice,                       \
    ThreadExchangeStreamCaptureModeFunction)                                                                           \
  X(cuEventCreate, cuEventCreate, 2000, kOnly, kContext, EventCreateFunction)                                          \
  X(cuEventDestroy_v2, cuEventDestroy, 4000, kOnly, kContext, EventDestroyV2Function)                                  \
  X(cuEventRecord, cuEventRecord, 2000, kLegacy, kRecord, EventRecordFunction)                                         \
  X(cuEventRecord_ptsz, cuEventRecord, 7000, kPerThread, kRecord, EventRecordFunction)                                 \
  X(cuEventRecordWithFlags, cuEventRecordWithFlags, 11010, kLegacy, kRecord, EventRecordWithFlagsFunction)             \
  X(cuEventRecordWithFlags_ptsz, cuEventRecordWithFlags, 11010, kPerThread, kRecord, EventRecordWithFlagsFunction)     \
  X(cuEventQuery, cuEventQuery, 2000, kOnly, kQuery, EventQueryFunction)                                               \
  X(cuEventSynchronize, cuEventSynchronize, 2000, kOnly, kContext, EventSynchronizeFunction)                           \
  X(cuEventElapsedTime, cuEventElapsedTime, 2000, kOnly, kQuery, EventElapsedTimeFunction)                             \
  X(cuModuleLoadData, cuModuleLoadData, 2000, kOnly, kContext, ModuleLoadDataFunction)                                 \
  X(cuModuleUnload, cuModuleUnload, 2000, kOnly, kContext, ModuleUnloadFunction)                                       \
  X(cuModuleGetFunction, cuModuleGetFunction, 2000, kOnly, kContext, ModuleGetFunctionFunction)                        \
  X(cuLaunchKernel, cuLaunchKernel, 4000, kLegacy, kRecord, LaunchKernelFunction)                                      \
  X(cuLaunchKernel_ptsz, cuLaunchKernel, 7000, kPerThread, kRecord, LaunchKernelFunction)                              \
  X(cuMemAlloc_v2, cuMemAlloc, 3020, kOnly, kContext, MemAllocV2Function)                                              \
  X(cuMemFree_v2, cuMemFree, 3020, kOnly, kContext, MemFreeV2Function)                                                 \
  X(cuMemHostAlloc, cuMemHostAlloc, 2020, kOnly, kContext, MemHostAllocFunction)                                       \
  X(cuMemFreeHost, cuMemFreeHost, 2000, kOnly, kContext, MemFreeHostFunction)                                          \
  X(cuMemcpyHtoD_v2, cuMemcpyHtoD, 3020, kLegacy, kContext, MemcpyHtoDV2Function)                                      \
  X(cuMemcpyHtoD_v2_ptds, cuMemcpyHtoD, 7000, kPerThread, kContext, MemcpyHtoDV2Function)                              \
  X(cuMemcpyDtoH_v2, cuMemcpyDtoH, 3020, kLegacy, kContext, MemcpyDtoHV2Function)                                      \
  X(cuMemcpyDtoH_v2_ptds, cuMemcpyDtoH, 7000, kPerThread, kContext, MemcpyDtoHV2Function)                              \
  X(cuMemcpyHtoDAsync_v2, cuMemcpyHtoDAsync, 3020, kLegacy, kRecord, MemcpyHtoDAsyncV2Function)                        \
  X(cuMemcpyHtoDAsync_v2_ptsz, cuMemcpyHtoDAsync, 7000, kPerThread, kRecord, MemcpyHtoDAsyncV2Function)                \
  X(cuMemcpyDtoHAsync_v2, cuMemcpyDtoHAsync, 3020, kLegacy, kRecord, MemcpyDtoHAsyncV2Function)                        \
  X(cuMemcpyDtoHAsync_v2_ptsz, cuMemcpyDtoHAsync, 7000, kPerThread, kRecord, MemcpyDtoHAsyncV2Function)                \
  X(cuGraphLaunch, cuGraphLaunch, 10000, kLegacy, kRecord, GraphLaunchFunction)                                        \
  X(cuGraphLaunch_ptsz, cuGraphLaunch, 10000, kPerThread, kRecord, GraphLaunchFunction)                                \
  X(cuGraphDestroy, cuGraphDestroy, 10000, kOnly, kContext, GraphDestroyFunction)                                      \
  X(cuGraphExecDestroy, cuGraphExecDestroy, 10000, kOnly, kContext, GraphExecDestroyFunction)

#ifdef GPUSPAN_SIM_OLD
#define GPUSPAN_SIM_NEW_ENTRY_POINTS(X)
#else
#define GPUSPAN_SIM_NEW_ENTRY_POINTS(X)                                                                          \
  X(cuGetProcAddress, cuGetProcAddress, 11030, kOnly, kBare, GetProcAddressFunction)                             \
  X(cuGetProcAddress_v2, cuGetProcAddress, 12000, kOnly, kBare, GetProcAddressV2Function)                        \
  X(cuDeviceGetUuid_v2, cuDeviceGetUuid, 11040, kOnly, kDevice, DeviceGetUuidV2Function)                         \
  X(cuCtxGetId, cuCtxGetId, 12000, kOnly, kContext, CtxGetIdFunction)                                            \
  X(cuStreamGetId, cuStreamGetId, 12000, kLegacy, kContext, StreamGetIdFunction)                                 \
  X(cuStreamGetId_ptsz, cuStreamGetId, 12000, kPerThread, kContext, StreamGetIdFunction)                         \
  X(cuStreamGetCaptureInfo_v2, cuStreamGetCaptureInfo, 11030, kLegacy, kContext, StreamGetCaptureInfoV2Function) \
  X(cuStreamGetCaptureInfo_v2_ptsz, cuStreamGetCaptureInfo, 11030, kPerThread, kContext,                         \
    StreamGetCaptureInfoV2Function)                                                                              \
  X(cuEventElapsedTime_v2, cuEventElapsedTime, 12080, kOnly, kQuery, EventElapsedTimeV2Function)                 \
  X(cuGraphInstantiateWithFlags, cuGraphInstantiateWithFlags, 11040, kOnly, kContext, GraphInstantiateWithFlagsFunction)
#endif

#define GPUSPAN_SIM_ENTRY_POINTS(X) \
  GPUSPAN_SIM_OLD_ENTRY_POINTS(X)   \
  GPUSPAN_SIM_NEW_ENTRY_POINTS(X)

namespace gpuspan::sim {

// Which of two entry points of one name: handle 0 means the legacy stream, or the calling thread's own.
enum class Variant : uint8_t { kOnly, kLegacy, kPerThread };

// Decides what a call needs, costs and can suffer.
enum class CallKind : uint8_t {
  kName,     // names an error: always works
  kBare,     // works without cuInit
  kDevice,   // needs cuInit, but no sound context
  kContext,  // works on a context: gets its sticky error
  kRecord,   // the same, and submits a command
  kQuery,    // the same, and asks about commands
};

struct EntryPoint {
  const char* symbol;
  const char* base;
  int since;  // 1000 * major + 10 * minor
  Variant variant;
  CallKind kind;
};

#define GPUSPAN_SIM_NUMBER(symbol, base, since, variant, kind, type) k_##symbol,
enum EntryPointIndex : size_t { GPUSPAN_SIM_ENTRY_POINTS(GPUSPAN_SIM_NUMBER) kEntryPointCount };
#undef GPUSPAN_SIM_NUMBER

#define GPUSPAN_SIM_ROW(symbol, base, since, variant, kind, type) \
  EntryPoint{#symbol, #base, since, Variant::variant, CallKind::kind},
inline constexpr EntryPoint kEntryPoints[] = {GPUSPAN_SIM_ENTRY_POINTS(GPUSPAN_SIM_ROW)};
#undef GPUSPAN_SIM_ROW

// A function definition that disagrees with its type in cuda_types.h (and so with cuda.h) does not compile.
#define GPUSPAN_SIM_DECLARE(symbol, base, since, variant, kind, type) \
  extern "C" __attribute__((visibility("default"))) std::remove_pointer_t<cuda::type> symbol;
GPUSPAN_SIM_ENTRY_POINTS(GPUSPAN_SIM_DECLARE)
#undef GPUSPAN_SIM_DECLARE

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_ENTRY_POINTS_H_
