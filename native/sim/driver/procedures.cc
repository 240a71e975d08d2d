// SPDX-License-Identifier: Apache-2.0
//
// cuGetProcAddress: from a name, a CUDA version and a choice of default stream to a function.
#include <cstring>

#include "call.h"

#ifndef GPUSPAN_SIM_OLD

namespace gpuspan::sim {

using namespace cuda;

namespace {

#define GPUSPAN_SIM_ADDRESS(symbol, base, since, variant, kind, type) reinterpret_cast<void*>(&symbol),
void* const kAddresses[] = {GPUSPAN_SIM_ENTRY_POINTS(GPUSPAN_SIM_ADDRESS)};
#undef GPUSPAN_SIM_ADDRESS

// From these versions on, CUDA gives a function with other parameters, which is not simulated.
struct Superseded {
  const char* base;
  int since;
};
constexpr Superseded kSuperseded[] = {{"cuCtxCreate", 12050},
                                      {"cuCtxGetDevice", 13000},
                                      {"cuCtxSynchronize", 13000},
                                      {"cuStreamGetCaptureInfo", 12030},
                                      {"cuStreamGetCtx", 12050}};

// Stands for such a function: to call it with the old parameters is a bug in the caller.
Result superseded() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  ++all.violations.wrong_version;
  return kInvalidValue;
}

bool is_superseded(const char* name, int version) {
  for (const Superseded& entry : kSuperseded) {
    if (std::strcmp(entry.base, name) == 0 && version >= entry.since) return true;
  }
  return false;
}

bool has_variant(const EntryPoint& entry, uint64_t flags) {
  return entry.variant != Variant::kPerThread || (flags & kProcAddressPerThreadStream) != 0;
}

struct Lookup {
  size_t best = kEntryPointCount;
  bool is_known = false;
};

// The newest that the version has; of equals, the later in the list, which is the per-thread one.
Lookup look_up(const char* name, int version, uint64_t flags) {
  Lookup lookup;
  for (size_t i = 0; i < kEntryPointCount; ++i) {
    const EntryPoint& entry = kEntryPoints[i];
    if (std::strcmp(entry.base, name) != 0 || !has_variant(entry, flags)) continue;
    lookup.is_known = true;
    if (entry.since > version) continue;
    if (lookup.best == kEntryPointCount || entry.since >= kEntryPoints[lookup.best].since) lookup.best = i;
  }
  return lookup;
}

Result get_address(Call& call, const char* name, void** function, int version, uint64_t flags,
                   ProcAddressStatus* status) {
  if (name == nullptr || function == nullptr || version > call.state().config.driver_version) return kInvalidValue;
  const Lookup lookup = look_up(name, version, flags);
  *function = nullptr;
  if (status != nullptr) *status = lookup.is_known ? kProcAddressVersionNotSufficient : kProcAddressNotFound;
  if (lookup.best == kEntryPointCount) return kSuccess;
  const int hidden = call.state().entries[lookup.best].hidden;
  if (hidden != GPUSPAN_SIM_SHOWN) {
    if (status != nullptr) *status = kProcAddressNotFound;
    return hidden == GPUSPAN_SIM_MISSING ? kNotFound : kSuccess;
  }
  const bool other = is_superseded(name, version);
  *function = other ? reinterpret_cast<void*>(&superseded) : kAddresses[lookup.best];
  if (status != nullptr) *status = kProcAddressFound;
  return kSuccess;
}

}  // namespace

extern "C" {

Result cuGetProcAddress(const char* symbol, void** function, int version, uint64_t flags) {
  return enter(k_cuGetProcAddress,
               [&](Call& call) { return get_address(call, symbol, function, version, flags, nullptr); });
}

Result cuGetProcAddress_v2(const char* symbol, void** function, int version, uint64_t flags,
                           ProcAddressStatus* status) {
  return enter(k_cuGetProcAddress_v2,
               [&](Call& call) { return get_address(call, symbol, function, version, flags, status); });
}

}  // extern "C"

}  // namespace gpuspan::sim

#endif
