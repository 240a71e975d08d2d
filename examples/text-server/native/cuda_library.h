// SPDX-License-Identifier: Apache-2.0
//
// The little of CUDA's driver API that this example calls, declared here and loaded with dlopen: it builds without the
// CUDA toolkit, and runs without the driver. Called by cuda_device.cc.
#ifndef TEXT_SERVER_CUDA_LIBRARY_H_
#define TEXT_SERVER_CUDA_LIBRARY_H_

#include <cstddef>
#include <string>

// The tags of CUDA's opaque objects; never defined.
struct CUctx_st;
struct CUstream_st;
struct CUevent_st;
struct CUmod_st;
struct CUfunc_st;

namespace text_server::cuda {

using Result = int;
using DeviceId = int;
using Memory = unsigned long long;  // an address on the device
using Context = CUctx_st*;
using Stream = CUstream_st*;
using Event = CUevent_st*;
using Module = CUmod_st*;
using Kernel = CUfunc_st*;
// What a kernel does on the simulated driver, whose device memory is the host's.
using HostKernel = void (*)(void** parameters, const unsigned grid[3], const unsigned block[3]);

inline constexpr Result kSuccess = 0;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventBlockingSync = 1;  // the thread that waits sleeps
inline constexpr unsigned kEventDisableTiming = 2;

// Name, result and parameters of every function.
#define TEXT_SERVER_CUDA_FUNCTIONS(F)                                                                       \
  F(cuInit, Result, (unsigned))                                                                             \
  F(cuGetErrorName, Result, (Result, const char**))                                                         \
  F(cuDriverGetVersion, Result, (int*))                                                                     \
  F(cuDeviceGet, Result, (DeviceId*, int))                                                                  \
  F(cuDeviceGetName, Result, (char*, int, DeviceId))                                                        \
  F(cuDevicePrimaryCtxRetain, Result, (Context*, DeviceId))                                                 \
  F(cuDevicePrimaryCtxRelease_v2, Result, (DeviceId))                                                       \
  F(cuCtxSetCurrent, Result, (Context))                                                                     \
  F(cuStreamCreate, Result, (Stream*, unsigned))                                                            \
  F(cuStreamDestroy_v2, Result, (Stream))                                                                   \
  F(cuStreamSynchronize, Result, (Stream))                                                                  \
  F(cuEventCreate, Result, (Event*, unsigned))                                                              \
  F(cuEventDestroy_v2, Result, (Event))                                                                     \
  F(cuEventRecord, Result, (Event, Stream))                                                                 \
  F(cuEventSynchronize, Result, (Event))                                                                    \
  F(cuModuleLoadData, Result, (Module*, const void*))                                                       \
  F(cuModuleUnload, Result, (Module))                                                                       \
  F(cuModuleGetFunction, Result, (Kernel*, Module, const char*))                                            \
  F(cuLaunchKernel, Result,                                                                                 \
    (Kernel, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**)) \
  F(cuMemAlloc_v2, Result, (Memory*, size_t))                                                               \
  F(cuMemFree_v2, Result, (Memory))                                                                         \
  F(cuMemHostAlloc, Result, (void**, size_t, unsigned))                                                     \
  F(cuMemFreeHost, Result, (void*))                                                                         \
  F(cuMemcpyHtoD_v2, Result, (Memory, const void*, size_t))                                                 \
  F(cuMemcpyHtoDAsync_v2, Result, (Memory, const void*, size_t, Stream))                                    \
  F(cuMemcpyDtoHAsync_v2, Result, (void*, Memory, size_t, Stream))

struct Library {
#define TEXT_SERVER_CUDA_MEMBER(name, result, parameters) result(*name) parameters = nullptr;
  TEXT_SERVER_CUDA_FUNCTIONS(TEXT_SERVER_CUDA_MEMBER)
#undef TEXT_SERVER_CUDA_MEMBER

  // Null on a real driver.
  void (*gpuspan_sim_register_kernel)(const char*, HostKernel) = nullptr;

  bool is_simulated() const { return gpuspan_sim_register_kernel != nullptr; }
};

// The driver that GPUSPAN_CUDA_LIBRARY names, else the system's; loaded and initialized once. Null with `error` when
// there is none, or none with a device.
const Library* load_library(std::string* error);

}  // namespace text_server::cuda

#endif  // TEXT_SERVER_CUDA_LIBRARY_H_
