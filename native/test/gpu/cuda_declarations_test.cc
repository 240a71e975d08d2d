// SPDX-License-Identifier: Apache-2.0
//
// Our CUDA declarations against the real cuda.h, at compile time: this file compiles only if every constant, size and
// signature agrees. Entry points that a toolkit's header is too old for are left out. Where the header is not installed
// CMake leaves the file out and says so (an error with GPUSPAN_REQUIRE_CUDA_HEADERS).
#define __CUDA_API_VERSION_INTERNAL  // declares old and new versions of an entry point side by side
#include <cuda.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "native/gpu/cuda/cuda_types.h"

namespace gpuspan::cuda {
namespace {

static_assert(std::is_same_v<Device, CUdevice>);
static_assert(std::is_same_v<DevicePointer, CUdeviceptr>);
static_assert(std::is_same_v<Context, CUcontext> && std::is_same_v<Module, CUmodule>);
static_assert(std::is_same_v<Function, CUfunction> && std::is_same_v<Event, CUevent>);
static_assert(std::is_same_v<Stream, CUstream> && std::is_same_v<Graph, CUgraph>);
static_assert(std::is_same_v<GraphNode, CUgraphNode> && std::is_same_v<GraphExec, CUgraphExec>);
static_assert(std::is_same_v<uint64_t, cuuint64_t>);
static_assert(sizeof(Uuid) == sizeof(CUuuid) && alignof(Uuid) == alignof(CUuuid));
static_assert(offsetof(Uuid, bytes) == offsetof(CUuuid, bytes));
static_assert(sizeof(Result) == sizeof(CUresult) && sizeof(DeviceAttribute) == sizeof(CUdevice_attribute));
static_assert(sizeof(CaptureStatus) == sizeof(CUstreamCaptureStatus));
static_assert(sizeof(CaptureMode) == sizeof(CUstreamCaptureMode));

static_assert(kSuccess == CUDA_SUCCESS && kInvalidValue == CUDA_ERROR_INVALID_VALUE);
static_assert(kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY && kNotInitialized == CUDA_ERROR_NOT_INITIALIZED);
static_assert(kDeinitialized == CUDA_ERROR_DEINITIALIZED && kNoDevice == CUDA_ERROR_NO_DEVICE);
static_assert(kInvalidDevice == CUDA_ERROR_INVALID_DEVICE && kInvalidContext == CUDA_ERROR_INVALID_CONTEXT);
static_assert(kEccUncorrectable == CUDA_ERROR_ECC_UNCORRECTABLE && kInvalidHandle == CUDA_ERROR_INVALID_HANDLE);
static_assert(kIllegalState == CUDA_ERROR_ILLEGAL_STATE && kNotFound == CUDA_ERROR_NOT_FOUND);
static_assert(kNotReady == CUDA_ERROR_NOT_READY && kIllegalAddress == CUDA_ERROR_ILLEGAL_ADDRESS);
static_assert(kLaunchOutOfResources == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
static_assert(kLaunchTimeout == CUDA_ERROR_LAUNCH_TIMEOUT && kContextIsDestroyed == CUDA_ERROR_CONTEXT_IS_DESTROYED);
static_assert(kAssert == CUDA_ERROR_ASSERT && kHardwareStackError == CUDA_ERROR_HARDWARE_STACK_ERROR);
static_assert(kIllegalInstruction == CUDA_ERROR_ILLEGAL_INSTRUCTION);
static_assert(kMisalignedAddress == CUDA_ERROR_MISALIGNED_ADDRESS);
static_assert(kInvalidAddressSpace == CUDA_ERROR_INVALID_ADDRESS_SPACE && kInvalidPc == CUDA_ERROR_INVALID_PC);
static_assert(kLaunchFailed == CUDA_ERROR_LAUNCH_FAILED && kNotPermitted == CUDA_ERROR_NOT_PERMITTED);
static_assert(kNotSupported == CUDA_ERROR_NOT_SUPPORTED);
static_assert(kStreamCaptureUnsupported == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
static_assert(kStreamCaptureInvalidated == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
static_assert(kStreamCaptureMerge == CUDA_ERROR_STREAM_CAPTURE_MERGE);
static_assert(kStreamCaptureUnmatched == CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
static_assert(kStreamCaptureUnjoined == CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
static_assert(kStreamCaptureIsolation == CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
static_assert(kStreamCaptureImplicit == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
static_assert(kCapturedEvent == CUDA_ERROR_CAPTURED_EVENT);
static_assert(kStreamCaptureWrongThread == CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
static_assert(kUnknown == CUDA_ERROR_UNKNOWN);

static_assert(kStreamDefault == CU_STREAM_DEFAULT && kStreamNonBlocking == CU_STREAM_NON_BLOCKING);
static_assert(kEventDefault == CU_EVENT_DEFAULT && kEventBlockingSync == CU_EVENT_BLOCKING_SYNC);
static_assert(kEventDisableTiming == CU_EVENT_DISABLE_TIMING && kEventInterprocess == CU_EVENT_INTERPROCESS);
static_assert(kEventRecordDefault == CU_EVENT_RECORD_DEFAULT && kEventRecordExternal == CU_EVENT_RECORD_EXTERNAL);
static_assert(kEventWaitDefault == CU_EVENT_WAIT_DEFAULT && kEventWaitExternal == CU_EVENT_WAIT_EXTERNAL);
static_assert(kCaptureNone == CU_STREAM_CAPTURE_STATUS_NONE && kCaptureActive == CU_STREAM_CAPTURE_STATUS_ACTIVE);
static_assert(kCaptureInvalidated == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
static_assert(kCaptureGlobal == CU_STREAM_CAPTURE_MODE_GLOBAL);
static_assert(kCaptureThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
static_assert(kCaptureRelaxed == CU_STREAM_CAPTURE_MODE_RELAXED);
static_assert(kMultiprocessorCount == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(kIntegrated == CU_DEVICE_ATTRIBUTE_INTEGRATED && kComputeMode == CU_DEVICE_ATTRIBUTE_COMPUTE_MODE);
static_assert(kPciBusId == CU_DEVICE_ATTRIBUTE_PCI_BUS_ID && kPciDeviceId == CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID);
static_assert(kPciDomainId == CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID);
static_assert(kComputeCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(kComputeCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(kProcAddressDefault == CU_GET_PROC_ADDRESS_DEFAULT);
static_assert(kProcAddressLegacyStream == CU_GET_PROC_ADDRESS_LEGACY_STREAM);
static_assert(kProcAddressPerThreadStream == CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
#if CUDA_VERSION >= 12000
static_assert(kProcAddressFound == CU_GET_PROC_ADDRESS_SUCCESS);
static_assert(kProcAddressNotFound == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
static_assert(kProcAddressVersionNotSufficient == CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
#endif

// A type of the header as we write it: enums are int, CUuuid is Uuid, the rest is itself.
template <typename Real, typename = void>
struct Ours {
  using Type = Real;
};
template <typename Real>
struct Ours<Real, std::enable_if_t<std::is_enum_v<Real>>> {
  static_assert(sizeof(Real) == sizeof(int));
  using Type = int;
};
template <>
struct Ours<CUuuid> {
  using Type = Uuid;
};
template <typename Real>
struct Ours<Real*, std::enable_if_t<!std::is_function_v<Real>>> {
  using Type = typename Ours<Real>::Type*;
};
template <typename Return, typename... Parameters>
struct Ours<Return(Parameters...)> {
  using Type = typename Ours<Return>::Type (*)(typename Ours<Parameters>::Type...);
};

template <typename Declared, typename Real>
constexpr bool kSame = std::is_same_v<Declared, typename Ours<Real>::Type>;

// An entry point and, where its name differs in CUDA with per-thread default streams, that variant.
#define GPUSPAN_SAME(type, function) static_assert(kSame<type, decltype(function)>)
#define GPUSPAN_SAME_PTSZ(type, function) \
  GPUSPAN_SAME(type, function);           \
  GPUSPAN_SAME(type, function##_ptsz)

GPUSPAN_SAME(InitFunction, cuInit);
GPUSPAN_SAME(DriverGetVersionFunction, cuDriverGetVersion);
GPUSPAN_SAME(GetErrorNameFunction, cuGetErrorName);
GPUSPAN_SAME(GetErrorStringFunction, cuGetErrorString);
GPUSPAN_SAME(DeviceGetCountFunction, cuDeviceGetCount);
GPUSPAN_SAME(DeviceGetFunction, cuDeviceGet);
GPUSPAN_SAME(DeviceGetNameFunction, cuDeviceGetName);
GPUSPAN_SAME(DeviceGetUuidFunction, cuDeviceGetUuid);
GPUSPAN_SAME(DeviceGetAttributeFunction, cuDeviceGetAttribute);
GPUSPAN_SAME(DevicePrimaryCtxRetainFunction, cuDevicePrimaryCtxRetain);
GPUSPAN_SAME(DevicePrimaryCtxReleaseV2Function, cuDevicePrimaryCtxRelease_v2);
GPUSPAN_SAME(DevicePrimaryCtxResetV2Function, cuDevicePrimaryCtxReset_v2);
GPUSPAN_SAME(DevicePrimaryCtxGetStateFunction, cuDevicePrimaryCtxGetState);
GPUSPAN_SAME(CtxCreateV2Function, cuCtxCreate_v2);
GPUSPAN_SAME(CtxDestroyV2Function, cuCtxDestroy_v2);
GPUSPAN_SAME(CtxGetCurrentFunction, cuCtxGetCurrent);
GPUSPAN_SAME(CtxSetCurrentFunction, cuCtxSetCurrent);
GPUSPAN_SAME(CtxPushCurrentV2Function, cuCtxPushCurrent_v2);
GPUSPAN_SAME(CtxPopCurrentV2Function, cuCtxPopCurrent_v2);
GPUSPAN_SAME(CtxGetDeviceFunction, cuCtxGetDevice);
GPUSPAN_SAME(CtxGetStreamPriorityRangeFunction, cuCtxGetStreamPriorityRange);
GPUSPAN_SAME(CtxSynchronizeFunction, cuCtxSynchronize);
GPUSPAN_SAME(StreamCreateFunction, cuStreamCreate);
GPUSPAN_SAME(StreamCreateWithPriorityFunction, cuStreamCreateWithPriority);
GPUSPAN_SAME(StreamDestroyV2Function, cuStreamDestroy_v2);
GPUSPAN_SAME_PTSZ(StreamGetCtxFunction, cuStreamGetCtx);
GPUSPAN_SAME_PTSZ(StreamGetFlagsFunction, cuStreamGetFlags);
GPUSPAN_SAME_PTSZ(StreamGetPriorityFunction, cuStreamGetPriority);
GPUSPAN_SAME_PTSZ(StreamQueryFunction, cuStreamQuery);
GPUSPAN_SAME_PTSZ(StreamSynchronizeFunction, cuStreamSynchronize);
GPUSPAN_SAME_PTSZ(StreamWaitEventFunction, cuStreamWaitEvent);
GPUSPAN_SAME_PTSZ(StreamBeginCaptureV2Function, cuStreamBeginCapture_v2);
GPUSPAN_SAME_PTSZ(StreamEndCaptureFunction, cuStreamEndCapture);
GPUSPAN_SAME_PTSZ(StreamIsCapturingFunction, cuStreamIsCapturing);
GPUSPAN_SAME(ThreadExchangeStreamCaptureModeFunction, cuThreadExchangeStreamCaptureMode);
GPUSPAN_SAME(EventCreateFunction, cuEventCreate);
GPUSPAN_SAME(EventDestroyV2Function, cuEventDestroy_v2);
GPUSPAN_SAME_PTSZ(EventRecordFunction, cuEventRecord);
GPUSPAN_SAME(EventQueryFunction, cuEventQuery);
GPUSPAN_SAME(EventSynchronizeFunction, cuEventSynchronize);
GPUSPAN_SAME(EventElapsedTimeFunction, cuEventElapsedTime);
GPUSPAN_SAME(ModuleLoadDataFunction, cuModuleLoadData);
GPUSPAN_SAME(ModuleUnloadFunction, cuModuleUnload);
GPUSPAN_SAME(ModuleGetFunctionFunction, cuModuleGetFunction);
GPUSPAN_SAME_PTSZ(LaunchKernelFunction, cuLaunchKernel);
GPUSPAN_SAME(MemAllocV2Function, cuMemAlloc_v2);
GPUSPAN_SAME(MemFreeV2Function, cuMemFree_v2);
GPUSPAN_SAME(MemHostAllocFunction, cuMemHostAlloc);
GPUSPAN_SAME(MemFreeHostFunction, cuMemFreeHost);
GPUSPAN_SAME(MemcpyHtoDV2Function, cuMemcpyHtoD_v2);
GPUSPAN_SAME(MemcpyHtoDV2Function, cuMemcpyHtoD_v2_ptds);
GPUSPAN_SAME(MemcpyDtoHV2Function, cuMemcpyDtoH_v2);
GPUSPAN_SAME(MemcpyDtoHV2Function, cuMemcpyDtoH_v2_ptds);
GPUSPAN_SAME_PTSZ(MemcpyHtoDAsyncV2Function, cuMemcpyHtoDAsync_v2);
GPUSPAN_SAME_PTSZ(MemcpyDtoHAsyncV2Function, cuMemcpyDtoHAsync_v2);
GPUSPAN_SAME_PTSZ(GraphLaunchFunction, cuGraphLaunch);
GPUSPAN_SAME(GraphDestroyFunction, cuGraphDestroy);
GPUSPAN_SAME(GraphExecDestroyFunction, cuGraphExecDestroy);
#if CUDA_VERSION >= 11010
GPUSPAN_SAME_PTSZ(EventRecordWithFlagsFunction, cuEventRecordWithFlags);
#endif
#if CUDA_VERSION >= 11030
GPUSPAN_SAME(GetProcAddressFunction, cuGetProcAddress);
GPUSPAN_SAME_PTSZ(StreamGetCaptureInfoV2Function, cuStreamGetCaptureInfo_v2);
#endif
#if CUDA_VERSION >= 11040
GPUSPAN_SAME(DeviceGetUuidV2Function, cuDeviceGetUuid_v2);
GPUSPAN_SAME(GraphInstantiateWithFlagsFunction, cuGraphInstantiateWithFlags);
#endif
#if CUDA_VERSION >= 12000
GPUSPAN_SAME(GetProcAddressV2Function, cuGetProcAddress_v2);
GPUSPAN_SAME(CtxGetIdFunction, cuCtxGetId);
GPUSPAN_SAME_PTSZ(StreamGetIdFunction, cuStreamGetId);
#endif
#if CUDA_VERSION >= 12080
GPUSPAN_SAME(EventElapsedTimeV2Function, cuEventElapsedTime_v2);
#endif

TEST(CudaDeclarations, SpecialStreamsAreTheHandlesOfTheHeader) {
  // Casts from integer to pointer, which no constant expression holds.
  EXPECT_EQ(reinterpret_cast<uintptr_t>(CU_STREAM_LEGACY), kStreamLegacy);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(CU_STREAM_PER_THREAD), kStreamPerThread);
}

}  // namespace
}  // namespace gpuspan::cuda
