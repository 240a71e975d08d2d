// SPDX-License-Identifier: Apache-2.0
//
// Contexts: primary ones, created ones, and which is current to a thread.
#include "contexts.h"

#include "call.h"
#include "capture.h"

namespace gpuspan::sim {
namespace {

cuda::Context handle_of(ContextObject* context) { return reinterpret_cast<cuda::Context>(context); }

bool is_device(const State& state, cuda::Device device) { return device >= 0 && device < state.config.devices; }

void count_creation(Call& call) {
  if (call.violations()) ++call.violations()->contexts_created;
}

cuda::Result retain_primary(Call& call, cuda::Device device, cuda::Context* context) {
  State& state = call.state();
  ContextObject*& primary = state.devices[device].primary;
  if (primary == nullptr) {
    primary = state.contexts.create(device, ++state.next_id, true);
    primary->active = false;
  }
  if (!primary->active) {
    count_creation(call);
    primary->active = true;
    primary->sticky = cuda::kSuccess;
  }
  ++primary->retained;
  *context = handle_of(primary);
  return cuda::kSuccess;
}

// A context that may become current.
cuda::Result find_active(Call& call, cuda::Context handle, ContextObject** context) {
  if (const cuda::Result result = call.find_context(handle, context)) return result;
  if ((*context)->active) return cuda::kSuccess;
  if (call.violations()) ++call.violations()->dead_context;
  return cuda::kContextIsDestroyed;
}

cuda::Result push(ThreadState& thread, ContextObject* context) {
  if (thread.depth == ThreadState::kStack) return cuda::kOutOfMemory;
  thread.contexts[thread.depth++] = context;
  return cuda::kSuccess;
}

}  // namespace

void end_context(State& state, ContextObject& context) {
  drop_captures(state, context);
  ++context.incarnation;
  context.active = false;
  context.order = {};
  context.legacy = nullptr;
  context.per_thread.clear();
}

using namespace cuda;

extern "C" {

Result cuDevicePrimaryCtxRetain(Context* context, Device device) {
  return enter(k_cuDevicePrimaryCtxRetain, [&](Call& call) {
    if (context == nullptr) return kInvalidValue;
    return is_device(call.state(), device) ? retain_primary(call, device, context) : kInvalidDevice;
  });
}

Result cuDevicePrimaryCtxRelease_v2(Device device) {
  return enter(k_cuDevicePrimaryCtxRelease_v2, [&](Call& call) {
    if (!is_device(call.state(), device)) return kInvalidDevice;
    ContextObject* primary = call.state().devices[device].primary;
    if (primary == nullptr || primary->retained == 0) return kInvalidContext;
    if (--primary->retained == 0 && primary->active) end_context(call.state(), *primary);
    return kSuccess;
  });
}

Result cuDevicePrimaryCtxReset_v2(Device device) {
  return enter(k_cuDevicePrimaryCtxReset_v2, [&](Call& call) {
    if (!is_device(call.state(), device)) return kInvalidDevice;
    ContextObject* primary = call.state().devices[device].primary;
    if (primary != nullptr && primary->active) end_context(call.state(), *primary);
    return kSuccess;
  });
}

Result cuDevicePrimaryCtxGetState(Device device, unsigned* flags, int* active) {
  return enter(k_cuDevicePrimaryCtxGetState, [&](Call& call) {
    if (flags == nullptr || active == nullptr) return kInvalidValue;
    if (!is_device(call.state(), device)) return kInvalidDevice;
    const ContextObject* primary = call.state().devices[device].primary;
    *flags = 0;
    *active = primary != nullptr && primary->active ? 1 : 0;
    return kSuccess;
  });
}

Result cuCtxCreate_v2(Context* context, unsigned, Device device) {
  return enter(k_cuCtxCreate_v2, [&](Call& call) {
    if (context == nullptr) return kInvalidValue;
    if (!is_device(call.state(), device)) return kInvalidDevice;
    if (const Result result = check_unsafe(call)) return result;
    ContextObject* created = call.state().contexts.create(device, ++call.state().next_id, false);
    if (created == nullptr) return kOutOfMemory;
    count_creation(call);
    *context = handle_of(created);
    return push(call.thread(), created);
  });
}

// The object stays, inactive, so that its handle is told from one that never was.
Result cuCtxDestroy_v2(Context handle) {
  return enter(k_cuCtxDestroy_v2, [&](Call& call) {
    ContextObject* context = nullptr;
    if (const Result result = find_active(call, handle, &context)) return result;
    if (context->primary) return kInvalidContext;
    end_context(call.state(), *context);
    if (call.thread().current() == context) --call.thread().depth;
    return kSuccess;
  });
}

Result cuCtxGetCurrent(Context* context) {
  return enter(k_cuCtxGetCurrent, [&](Call& call) {
    if (context == nullptr) return kInvalidValue;
    *context = handle_of(call.thread().current());
    return kSuccess;
  });
}

Result cuCtxSetCurrent(Context handle) {
  return enter(k_cuCtxSetCurrent, [&](Call& call) {
    ThreadState& thread = call.thread();
    if (handle == nullptr) {
      if (thread.depth > 0) --thread.depth;
      return kSuccess;
    }
    ContextObject* context = nullptr;
    if (const Result result = find_active(call, handle, &context)) return result;
    if (thread.depth > 0) --thread.depth;
    return push(thread, context);
  });
}

Result cuCtxPushCurrent_v2(Context handle) {
  return enter(k_cuCtxPushCurrent_v2, [&](Call& call) {
    ContextObject* context = nullptr;
    const Result result = find_active(call, handle, &context);
    return result == kSuccess ? push(call.thread(), context) : result;
  });
}

Result cuCtxPopCurrent_v2(Context* context) {
  return enter(k_cuCtxPopCurrent_v2, [&](Call& call) {
    ThreadState& thread = call.thread();
    if (thread.depth == 0) return kInvalidContext;
    if (context != nullptr) *context = handle_of(thread.current());
    --thread.depth;
    return kSuccess;
  });
}

Result cuCtxGetDevice(Device* device) {
  return enter(k_cuCtxGetDevice, [&](Call& call) {
    if (device == nullptr) return kInvalidValue;
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    *device = context->device;
    return kSuccess;
  });
}

#ifndef GPUSPAN_SIM_OLD
Result cuCtxGetId(Context handle, unsigned long long* id) {
  return enter(k_cuCtxGetId, [&](Call& call) {
    if (id == nullptr) return kInvalidValue;
    ContextObject* context = nullptr;
    Result result = handle == nullptr ? call.find_current(&context) : call.find_context(handle, &context);
    if (result == kSuccess) result = call.usable(context);
    if (result == kSuccess) *id = context->id;
    return result;
  });
}
#endif

Result cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return enter(k_cuCtxGetStreamPriorityRange, [&](Call& call) {
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return kSuccess;
  });
}

Result cuCtxSynchronize() {
  return enter(k_cuCtxSynchronize, [&](Call& call) {
    if (call.violations()) ++call.violations()->synchronise_calls;
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (const Result result = ask_context(call, *context)) return result;
    call.wait_until(context->order.visible_ns);
    return context->sticky;
  });
}

}  // extern "C"

}  // namespace gpuspan::sim
