// SPDX-License-Identifier: Apache-2.0
//
// A CUDA driver that does nothing and says that all went well: so that what is left of a slice's time is gpuspan's own.
// It is no simulation: its events have no times. Signatures as native/gpu/cuda/cuda_types.h has them.
#include <cstdint>
#include <cstring>

#include "../gpu/cuda/cuda_types.h"

namespace {

using namespace gpuspan::cuda;  // NOLINT(google-build-using-namespace): the file is about nothing else

alignas(64) char g_object[64];

template <typename Handle>
Result give(Handle* handle) {
  *handle = reinterpret_cast<Handle>(g_object);
  return kSuccess;
}

}  // namespace

#define GPUSPAN_IDLE extern "C" __attribute__((visibility("default"))) Result

GPUSPAN_IDLE cuInit(unsigned) { return kSuccess; }
GPUSPAN_IDLE cuDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
GPUSPAN_IDLE cuDeviceGetCount(int* count) {
  *count = 1;
  return kSuccess;
}
GPUSPAN_IDLE cuDeviceGet(Device* device, int) {
  *device = 0;
  return kSuccess;
}
GPUSPAN_IDLE cuDeviceGetName(char* name, int length, Device) {
  std::strncpy(name, "idle", static_cast<size_t>(length));
  return kSuccess;
}
GPUSPAN_IDLE cuDeviceGetUuid(Uuid* uuid, Device) {
  *uuid = {};
  return kSuccess;
}
GPUSPAN_IDLE cuCtxGetCurrent(Context* context) { return give(context); }
GPUSPAN_IDLE cuCtxSetCurrent(Context) { return kSuccess; }
GPUSPAN_IDLE cuCtxGetDevice(Device* device) {
  *device = 0;
  return kSuccess;
}
GPUSPAN_IDLE cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  *least = *greatest = 0;
  return kSuccess;
}
GPUSPAN_IDLE cuStreamCreateWithPriority(Stream* stream, unsigned, int) { return give(stream); }
GPUSPAN_IDLE cuStreamDestroy_v2(Stream) { return kSuccess; }
GPUSPAN_IDLE cuStreamGetCtx(Stream, Context* context) { return give(context); }
GPUSPAN_IDLE cuStreamIsCapturing(Stream, CaptureStatus* status) {
  *status = kCaptureNone;
  return kSuccess;
}
GPUSPAN_IDLE cuThreadExchangeStreamCaptureMode(CaptureMode*) { return kSuccess; }
GPUSPAN_IDLE cuEventCreate(Event* event, unsigned) { return give(event); }
GPUSPAN_IDLE cuEventDestroy_v2(Event) { return kSuccess; }
GPUSPAN_IDLE cuEventRecord(Event, Stream) { return kSuccess; }
GPUSPAN_IDLE cuEventQuery(Event) { return kSuccess; }
GPUSPAN_IDLE cuEventElapsedTime(float* milliseconds, Event, Event) {
  *milliseconds = 0.001f;
  return kSuccess;
}
