// SPDX-License-Identifier: Apache-2.0
//
// The little of OpenCL 1.2 that this example calls, declared here and loaded with dlopen: it builds without OpenCL's
// headers, and runs without its library. Called by opencl_device.cc.
#ifndef TEXT_SERVER_OPENCL_LIBRARY_H_
#define TEXT_SERVER_OPENCL_LIBRARY_H_

#include <cstddef>
#include <cstdint>

namespace text_server::opencl {

using Platform = struct PlatformObject*;
using DeviceId = struct DeviceObject*;
using Context = struct ContextObject*;
using Queue = struct QueueObject*;
using Memory = struct MemoryObject*;
using Program = struct ProgramObject*;
using Kernel = struct KernelObject*;
using Event = struct EventObject*;

inline constexpr int32_t kSuccess = 0;
inline constexpr uint64_t kDeviceTypeCpu = 1 << 1;
inline constexpr uint64_t kDeviceTypeAll = 0xffffffff;
inline constexpr uint32_t kDeviceType = 0x1000;
inline constexpr uint32_t kDeviceName = 0x102b;
inline constexpr uint32_t kDevicePlatform = 0x1031;
inline constexpr uint32_t kPlatformName = 0x0902;
inline constexpr uint64_t kQueueProfilingEnable = 1 << 1;
inline constexpr uint64_t kMemReadWrite = 1 << 0;
inline constexpr uint64_t kMemReadOnly = 1 << 2;
inline constexpr uint64_t kMemCopyHostPointer = 1 << 5;

using Notify = void (*)(Program, void*);
using ContextNotify = void (*)(const char*, const void*, size_t, void*);

// Name, result and parameters of every function.
#define TEXT_SERVER_OPENCL_FUNCTIONS(F)                                                                             \
  F(clGetPlatformIDs, int32_t, (uint32_t, Platform*, uint32_t*))                                                    \
  F(clGetPlatformInfo, int32_t, (Platform, uint32_t, size_t, void*, size_t*))                                       \
  F(clGetDeviceIDs, int32_t, (Platform, uint64_t, uint32_t, DeviceId*, uint32_t*))                                  \
  F(clGetDeviceInfo, int32_t, (DeviceId, uint32_t, size_t, void*, size_t*))                                         \
  F(clCreateContext, Context, (const intptr_t*, uint32_t, const DeviceId*, ContextNotify, void*, int32_t*))         \
  F(clCreateCommandQueue, Queue, (Context, DeviceId, uint64_t, int32_t*))                                           \
  F(clCreateBuffer, Memory, (Context, uint64_t, size_t, void*, int32_t*))                                           \
  F(clCreateProgramWithSource, Program, (Context, uint32_t, const char**, const size_t*, int32_t*))                 \
  F(clBuildProgram, int32_t, (Program, uint32_t, const DeviceId*, const char*, Notify, void*))                      \
  F(clCreateKernel, Kernel, (Program, const char*, int32_t*))                                                       \
  F(clSetKernelArg, int32_t, (Kernel, uint32_t, size_t, const void*))                                               \
  F(clEnqueueWriteBuffer, int32_t,                                                                                  \
    (Queue, Memory, uint32_t, size_t, size_t, const void*, uint32_t, const Event*, Event*))                         \
  F(clEnqueueReadBuffer, int32_t, (Queue, Memory, uint32_t, size_t, size_t, void*, uint32_t, const Event*, Event*)) \
  F(clEnqueueNDRangeKernel, int32_t,                                                                                \
    (Queue, Kernel, uint32_t, const size_t*, const size_t*, const size_t*, uint32_t, const Event*, Event*))         \
  F(clFlush, int32_t, (Queue))                                                                                      \
  F(clFinish, int32_t, (Queue))                                                                                     \
  F(clWaitForEvents, int32_t, (uint32_t, const Event*))                                                             \
  F(clReleaseEvent, int32_t, (Event))                                                                               \
  F(clReleaseKernel, int32_t, (Kernel))                                                                             \
  F(clReleaseProgram, int32_t, (Program))                                                                           \
  F(clReleaseMemObject, int32_t, (Memory))                                                                          \
  F(clReleaseCommandQueue, int32_t, (Queue))                                                                        \
  F(clReleaseContext, int32_t, (Context))

struct Library {
#define TEXT_SERVER_OPENCL_MEMBER(name, result, parameters) result(*name) parameters = nullptr;
  TEXT_SERVER_OPENCL_FUNCTIONS(TEXT_SERVER_OPENCL_MEMBER)
#undef TEXT_SERVER_OPENCL_MEMBER
};

// The system's OpenCL, loaded once; null when there is none.
const Library* load_library();

}  // namespace text_server::opencl

#endif  // TEXT_SERVER_OPENCL_LIBRARY_H_
