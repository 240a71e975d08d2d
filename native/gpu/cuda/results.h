// SPDX-License-Identifier: Apache-2.0
//
// What a result of the CUDA driver means for what we do next. A driver may return an error that an earlier,
// asynchronous fault of the application caused, from any call; those mean that the context is finished, not that our
// call was wrong. Nothing here clears an error: the application sees it as if gpuspan were not there.
#ifndef GPUSPAN_GPU_CUDA_RESULTS_H_
#define GPUSPAN_GPU_CUDA_RESULTS_H_

#include <cstdint>

#include "cuda_types.h"

namespace gpuspan::cuda {

enum class Verdict : uint8_t {
  kOk,
  kNotReady,   // ask again
  kCapture,    // a capture is in the way; the call did nothing
  kBadHandle,  // the stream is gone or another context's
  kContext,    // this context will not work again; no further call may name it
  kDriver,     // the driver is gone (the process is ending); no further call at all
  kRefused     // this call only
};

inline Verdict verdict(Result result) noexcept {
  switch (result) {
    case kSuccess:
      return Verdict::kOk;
    case kNotReady:
      return Verdict::kNotReady;
    case kInvalidHandle:
      return Verdict::kBadHandle;
    case kDeinitialized:
    case kNotInitialized:  // it was initialized, or we would not be here
      return Verdict::kDriver;
    case kInvalidContext:
    case kContextIsDestroyed:
    case kEccUncorrectable:
    case kIllegalAddress:
    case kLaunchTimeout:
    case kAssert:
    case kHardwareStackError:
    case kIllegalInstruction:
    case kMisalignedAddress:
    case kInvalidAddressSpace:
    case kInvalidPc:
    case kLaunchFailed:
    case kUnknown:  // what contexts often return after a suspend
      return Verdict::kContext;
    default:
      break;
  }
  const bool capture = result >= kStreamCaptureUnsupported && result <= kStreamCaptureWrongThread;
  return capture ? Verdict::kCapture : Verdict::kRefused;
}

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_RESULTS_H_
