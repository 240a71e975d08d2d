// SPDX-License-Identifier: Apache-2.0
//
// The part of the CUDA driver API that gpuspan, its simulated driver and its examples use, declared here so that
// building needs no CUDA toolkit and loading needs no driver: functions come from dlopen.
// native/test/gpu/cuda_declarations_test.cc proves at compile time that every constant, size and signature is the one
// of the real cuda.h. CUDA's enums are plain `int` here, which is how they are passed: a driver newer than this file
// may return a value that it does not name.
#ifndef GPUSPAN_GPU_CUDA_CUDA_TYPES_H_
#define GPUSPAN_GPU_CUDA_CUDA_TYPES_H_

#include <cstddef>
#include <cstdint>

// The tags of CUDA's opaque objects, which its ABI fixes; never defined.
struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUevent_st;
struct CUstream_st;
struct CUgraph_st;
struct CUgraphNode_st;
struct CUgraphExec_st;

namespace gpuspan::cuda {

using Result = int;                        // CUresult
using Device = int;                        // CUdevice: an ordinal
using DevicePointer = unsigned long long;  // CUdeviceptr
using Context = CUctx_st*;
using Module = CUmod_st*;
using Function = CUfunc_st*;
using Event = CUevent_st*;
using Stream = CUstream_st*;
using Graph = CUgraph_st*;
using GraphNode = CUgraphNode_st*;
using GraphExec = CUgraphExec_st*;
using DeviceAttribute = int;  // names what cuDeviceGetAttribute shall return
using CaptureStatus = int;
using CaptureMode = int;
using ProcAddressStatus = int;  // why cuGetProcAddress found nothing

// 16 bytes that identify a device or a MIG instance.
struct Uuid {
  char bytes[16];
};

inline constexpr Result kSuccess = 0;
inline constexpr Result kInvalidValue = 1;
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kNotInitialized = 3;
inline constexpr Result kDeinitialized = 4;  // the process is ending
inline constexpr Result kNoDevice = 100;
inline constexpr Result kInvalidDevice = 101;
inline constexpr Result kInvalidContext = 201;
inline constexpr Result kEccUncorrectable = 214;
inline constexpr Result kInvalidHandle = 400;
inline constexpr Result kIllegalState = 401;
inline constexpr Result kNotFound = 500;
inline constexpr Result kNotReady = 600;
inline constexpr Result kIllegalAddress = 700;
inline constexpr Result kLaunchOutOfResources = 701;
inline constexpr Result kLaunchTimeout = 702;
inline constexpr Result kContextIsDestroyed = 709;
inline constexpr Result kAssert = 710;
inline constexpr Result kHardwareStackError = 714;
inline constexpr Result kIllegalInstruction = 715;
inline constexpr Result kMisalignedAddress = 716;
inline constexpr Result kInvalidAddressSpace = 717;
inline constexpr Result kInvalidPc = 718;
inline constexpr Result kLaunchFailed = 719;
inline constexpr Result kNotPermitted = 800;
inline constexpr Result kNotSupported = 801;
inline constexpr Result kStreamCaptureUnsupported = 900;
inline constexpr Result kStreamCaptureInvalidated = 901;
inline constexpr Result kStreamCaptureMerge = 902;
inline constexpr Result kStreamCaptureUnmatched = 903;
inline constexpr Result kStreamCaptureUnjoined = 904;
inline constexpr Result kStreamCaptureIsolation = 905;
inline constexpr Result kStreamCaptureImplicit = 906;
inline constexpr Result kCapturedEvent = 907;
inline constexpr Result kStreamCaptureWrongThread = 908;
inline constexpr Result kUnknown = 999;

// Handles that name no created stream: 0 (the default stream; legacy, or per-thread for _ptsz entry points), the legacy
// stream and the calling thread's own.
inline constexpr uintptr_t kStreamLegacy = 1;
inline constexpr uintptr_t kStreamPerThread = 2;

inline constexpr unsigned kStreamDefault = 0;
inline constexpr unsigned kStreamNonBlocking = 1;  // not ordered with the legacy stream

inline constexpr unsigned kEventDefault = 0;
inline constexpr unsigned kEventBlockingSync = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr unsigned kEventInterprocess = 4;

inline constexpr unsigned kEventRecordDefault = 0;
inline constexpr unsigned kEventRecordExternal = 1;
inline constexpr unsigned kEventWaitDefault = 0;
inline constexpr unsigned kEventWaitExternal = 1;

inline constexpr CaptureStatus kCaptureNone = 0;
inline constexpr CaptureStatus kCaptureActive = 1;
inline constexpr CaptureStatus kCaptureInvalidated = 2;

inline constexpr CaptureMode kCaptureGlobal = 0;
inline constexpr CaptureMode kCaptureThreadLocal = 1;
inline constexpr CaptureMode kCaptureRelaxed = 2;

inline constexpr DeviceAttribute kMultiprocessorCount = 16;
inline constexpr DeviceAttribute kIntegrated = 18;
inline constexpr DeviceAttribute kComputeMode = 20;
inline constexpr DeviceAttribute kPciBusId = 33;
inline constexpr DeviceAttribute kPciDeviceId = 34;
inline constexpr DeviceAttribute kPciDomainId = 50;
inline constexpr DeviceAttribute kComputeCapabilityMajor = 75;
inline constexpr DeviceAttribute kComputeCapabilityMinor = 76;

// Flags of cuGetProcAddress: which variant of an entry point that has a stream.
inline constexpr uint64_t kProcAddressDefault = 0;
inline constexpr uint64_t kProcAddressLegacyStream = 1;
inline constexpr uint64_t kProcAddressPerThreadStream = 2;

inline constexpr ProcAddressStatus kProcAddressFound = 0;
inline constexpr ProcAddressStatus kProcAddressNotFound = 1;
inline constexpr ProcAddressStatus kProcAddressVersionNotSufficient = 2;

// One type an entry point, named after it without "cu". An entry point that ends in _ptsz or _ptds has the type of the
// name before it. Versions where the entry point is not in every driver of interest (11.2 and later).
using InitFunction = Result (*)(unsigned flags);
using DriverGetVersionFunction = Result (*)(int* version);  // 1000 * major + 10 * minor
using GetProcAddressFunction = Result (*)(const char* symbol, void** function, int version, uint64_t flags);  // 11.3
using GetProcAddressV2Function = Result (*)(const char* symbol, void** function, int version, uint64_t flags,
                                            ProcAddressStatus* status);  // 12.0
using GetErrorNameFunction = Result (*)(Result error, const char** name);
using GetErrorStringFunction = Result (*)(Result error, const char** text);

using DeviceGetCountFunction = Result (*)(int* count);
using DeviceGetFunction = Result (*)(Device* device, int ordinal);
using DeviceGetNameFunction = Result (*)(char* name, int length, Device device);
using DeviceGetUuidFunction = Result (*)(Uuid* uuid, Device device);
using DeviceGetUuidV2Function = DeviceGetUuidFunction;  // 11.4: tells MIG instances apart
using DeviceGetAttributeFunction = Result (*)(int* value, DeviceAttribute attribute, Device device);
using DevicePrimaryCtxRetainFunction = Result (*)(Context* context, Device device);
using DevicePrimaryCtxReleaseV2Function = Result (*)(Device device);
using DevicePrimaryCtxResetV2Function = Result (*)(Device device);
using DevicePrimaryCtxGetStateFunction = Result (*)(Device device, unsigned* flags, int* active);

using CtxCreateV2Function = Result (*)(Context* context, unsigned flags, Device device);
using CtxDestroyV2Function = Result (*)(Context context);
using CtxGetCurrentFunction = Result (*)(Context* context);
using CtxSetCurrentFunction = Result (*)(Context context);
using CtxPushCurrentV2Function = Result (*)(Context context);
using CtxPopCurrentV2Function = Result (*)(Context* context);
using CtxGetDeviceFunction = Result (*)(Device* device);
using CtxGetIdFunction = Result (*)(Context context, unsigned long long* id);  // 12.0
using CtxGetStreamPriorityRangeFunction = Result (*)(int* least, int* greatest);
using CtxSynchronizeFunction = Result (*)();

using StreamCreateFunction = Result (*)(Stream* stream, unsigned flags);
using StreamCreateWithPriorityFunction = Result (*)(Stream* stream, unsigned flags, int priority);
using StreamDestroyV2Function = Result (*)(Stream stream);
using StreamGetCtxFunction = Result (*)(Stream stream, Context* context);
using StreamGetIdFunction = Result (*)(Stream stream, unsigned long long* id);  // 12.0
using StreamGetFlagsFunction = Result (*)(Stream stream, unsigned* flags);
using StreamGetPriorityFunction = Result (*)(Stream stream, int* priority);
using StreamQueryFunction = Result (*)(Stream stream);
using StreamSynchronizeFunction = Result (*)(Stream stream);
using StreamWaitEventFunction = Result (*)(Stream stream, Event event, unsigned flags);

using StreamBeginCaptureV2Function = Result (*)(Stream stream, CaptureMode mode);
using StreamEndCaptureFunction = Result (*)(Stream stream, Graph* graph);
using StreamIsCapturingFunction = Result (*)(Stream stream, CaptureStatus* status);
using StreamGetCaptureInfoV2Function = Result (*)(Stream stream, CaptureStatus* status, uint64_t* id, Graph* graph,
                                                  const GraphNode** dependencies, size_t* count);  // 11.3, until 12.x
using ThreadExchangeStreamCaptureModeFunction = Result (*)(CaptureMode* mode);

using EventCreateFunction = Result (*)(Event* event, unsigned flags);
using EventDestroyV2Function = Result (*)(Event event);
using EventRecordFunction = Result (*)(Event event, Stream stream);
using EventRecordWithFlagsFunction = Result (*)(Event event, Stream stream, unsigned flags);
using EventQueryFunction = Result (*)(Event event);
using EventSynchronizeFunction = Result (*)(Event event);
using EventElapsedTimeFunction = Result (*)(float* milliseconds, Event start, Event end);
using EventElapsedTimeV2Function = EventElapsedTimeFunction;  // 12.8

using ModuleLoadDataFunction = Result (*)(Module* module, const void* image);
using ModuleUnloadFunction = Result (*)(Module module);
using ModuleGetFunctionFunction = Result (*)(Function* function, Module module, const char* name);
using LaunchKernelFunction = Result (*)(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                        Stream stream, void** parameters, void** extra);

using MemAllocV2Function = Result (*)(DevicePointer* pointer, size_t bytes);
using MemFreeV2Function = Result (*)(DevicePointer pointer);
using MemHostAllocFunction = Result (*)(void** memory, size_t bytes, unsigned flags);
using MemFreeHostFunction = Result (*)(void* memory);
using MemcpyHtoDV2Function = Result (*)(DevicePointer to, const void* from, size_t bytes);
using MemcpyDtoHV2Function = Result (*)(void* to, DevicePointer from, size_t bytes);
using MemcpyHtoDAsyncV2Function = Result (*)(DevicePointer to, const void* from, size_t bytes, Stream stream);
using MemcpyDtoHAsyncV2Function = Result (*)(void* to, DevicePointer from, size_t bytes, Stream stream);

using GraphInstantiateWithFlagsFunction = Result (*)(GraphExec* exec, Graph graph, unsigned long long flags);  // 11.4
using GraphLaunchFunction = Result (*)(GraphExec exec, Stream stream);
using GraphDestroyFunction = Result (*)(Graph graph);
using GraphExecDestroyFunction = Result (*)(GraphExec exec);

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_CUDA_TYPES_H_
