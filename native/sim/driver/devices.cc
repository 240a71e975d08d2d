// SPDX-License-Identifier: Apache-2.0
//
// The driver as such, its devices and its errors' names.
#include <cstdlib>
#include <cstring>

#include "../include/gpuspan_sim.h"
#include "call.h"

namespace gpuspan::sim {

using namespace cuda;

namespace {

struct Named {
  Result error;
  const char* name;
  const char* text;
};

constexpr Named kErrors[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kDeinitialized, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kEccUncorrectable, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {kLaunchTimeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {kContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {kAssert, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {kNotPermitted, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {kStreamCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "not permitted when stream is capturing"},
    {kStreamCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "an earlier error broke the capture"},
    {kStreamCaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "would merge two captures"},
    {kStreamCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not begun in this stream"},
    {kStreamCaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "a forked stream was not joined"},
    {kStreamCaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency on uncaptured work"},
    {kStreamCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "implicit dependency of the legacy stream"},
    {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT", "the event was last recorded in a capturing stream"},
    {kStreamCaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "capture was begun by another thread"},
    {kUnknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const Named* find_error(Result error) {
  for (const Named& named : kErrors) {
    if (named.error == error) return &named;
  }
  return nullptr;
}

Result name_error(Result error, const char** out, const char* Named::*what) {
  if (out == nullptr) return kInvalidValue;
  const Named* named = find_error(error);
  *out = named == nullptr ? nullptr : named->*what;
  return named == nullptr ? kInvalidValue : kSuccess;
}

bool is_device(Call& call, Device device) { return device >= 0 && device < call.state().config.devices; }

Result get_uuid(Call& call, Uuid* uuid, Device device) {
  if (uuid == nullptr) return kInvalidValue;
  if (!is_device(call, device)) return kInvalidDevice;
  std::memcpy(uuid->bytes, "gpuspan-simulat", 15);
  uuid->bytes[15] = static_cast<char>(device);
  return kSuccess;
}

int attribute_of(DeviceAttribute attribute, Device device) {
  switch (attribute) {
    case kMultiprocessorCount:
      return 1;
    case kPciBusId:
      return device + 1;
    case kComputeCapabilityMajor:
      return 9;
    default:
      return 0;
  }
}

}  // namespace

extern "C" {

// The driver's own exit handler runs before those registered earlier, as CUDA's does.
Result cuInit(unsigned flags) {
  return enter(k_cuInit, [&](Call& call) {
    if (flags != 0) return kInvalidValue;
    if (call.state().forked) return kNotInitialized;
    if (call.state().config.devices == 0) return kNoDevice;
    static const bool registered = std::atexit(gpuspan_sim_deinitialize) == 0;
    call.state().initialised = registered;
    return kSuccess;
  });
}

Result cuDriverGetVersion(int* version) {
  return enter(k_cuDriverGetVersion, [&](Call& call) {
    if (version == nullptr) return kInvalidValue;
    *version = call.state().config.driver_version;
    return kSuccess;
  });
}

Result cuGetErrorName(Result error, const char** name) {
  return enter(k_cuGetErrorName, [&](Call&) { return name_error(error, name, &Named::name); });
}

Result cuGetErrorString(Result error, const char** text) {
  return enter(k_cuGetErrorString, [&](Call&) { return name_error(error, text, &Named::text); });
}

Result cuDeviceGetCount(int* count) {
  return enter(k_cuDeviceGetCount, [&](Call& call) {
    if (count == nullptr) return kInvalidValue;
    *count = call.state().config.devices;
    return kSuccess;
  });
}

Result cuDeviceGet(Device* device, int ordinal) {
  return enter(k_cuDeviceGet, [&](Call& call) {
    if (device == nullptr) return kInvalidValue;
    if (!is_device(call, ordinal)) return kInvalidDevice;
    *device = ordinal;
    return kSuccess;
  });
}

Result cuDeviceGetName(char* name, int length, Device device) {
  return enter(k_cuDeviceGetName, [&](Call& call) {
    if (name == nullptr || length <= 0) return kInvalidValue;
    if (!is_device(call, device)) return kInvalidDevice;
    const std::string full = "gpuspan simulated GPU " + std::to_string(device);
    name[full.copy(name, static_cast<size_t>(length) - 1)] = 0;
    return kSuccess;
  });
}

Result cuDeviceGetUuid(Uuid* uuid, Device device) {
  return enter(k_cuDeviceGetUuid, [&](Call& call) { return get_uuid(call, uuid, device); });
}

#ifndef GPUSPAN_SIM_OLD
Result cuDeviceGetUuid_v2(Uuid* uuid, Device device) {
  return enter(k_cuDeviceGetUuid_v2, [&](Call& call) { return get_uuid(call, uuid, device); });
}
#endif

Result cuDeviceGetAttribute(int* value, DeviceAttribute attribute, Device device) {
  return enter(k_cuDeviceGetAttribute, [&](Call& call) {
    if (value == nullptr) return kInvalidValue;
    if (!is_device(call, device)) return kInvalidDevice;
    *value = attribute_of(attribute, device);
    return kSuccess;
  });
}

}  // extern "C"

}  // namespace gpuspan::sim
