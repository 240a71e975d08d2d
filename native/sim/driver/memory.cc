// SPDX-License-Identifier: Apache-2.0
//
// Memory and copies. "Device" memory is the host's, and a copy's bytes move when it is submitted; only its time is
// simulated.
#include <cstdlib>
#include <cstring>

#include "call.h"
#include "capture.h"
#include "submit.h"

namespace gpuspan::sim {

using namespace cuda;

namespace {

int64_t copy_duration(const gpuspan_sim_config& config, size_t bytes) {
  return config.copy_bytes_per_us == 0 ? 0 : static_cast<int64_t>(bytes) * 1000 / config.copy_bytes_per_us;
}

// Whether the range lies in one allocation.
bool is_allocated(const State& state, DevicePointer pointer, size_t bytes) {
  auto after = state.allocations.upper_bound(static_cast<uintptr_t>(pointer));
  if (after == state.allocations.begin()) return false;
  const auto& [start, size] = *--after;
  return pointer - start <= size && bytes <= size - (pointer - start);
}

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
  DevicePointer device;  // the one of the two that is on the device
};

Result copy(Call& call, const Copy& copy, Stream handle, bool wait) {
  if (copy.to == nullptr || copy.from == nullptr) return kInvalidValue;
  if (!is_allocated(call.state(), copy.device, copy.bytes)) return kInvalidValue;
  StreamObject* stream = nullptr;
  if (const Result result = find_stream_with_room(call, handle, &stream)) return result;
  Capture* capture = nullptr;
  if (const Result result = push_command(call, *stream, &capture)) return result;
  const int64_t duration = copy_duration(call.state().config, copy.bytes);
  if (capture != nullptr) {
    capture->steps.push_back({duration, nullptr});
    return kSuccess;
  }
  std::memcpy(copy.to, copy.from, copy.bytes);
  const Placement placed = submit(call, *stream, duration);
  if (wait) call.wait_until(placed.visible_ns);
  return kSuccess;
}

Result copy_to_device(Call& call, DevicePointer to, const void* from, size_t bytes, Stream stream, bool wait) {
  return copy(call, {reinterpret_cast<void*>(to), from, bytes, to}, stream, wait);
}

Result copy_to_host(Call& call, void* to, DevicePointer from, size_t bytes, Stream stream, bool wait) {
  return copy(call, {to, reinterpret_cast<const void*>(from), bytes, from}, stream, wait);
}

// A copy that the host waits for is unsafe during captures.
template <typename Body>
Result enter_waiting(EntryPointIndex which, Body body) {
  return enter(which, [&](Call& call) -> Result {
    if (const Result result = check_unsafe(call)) return result;
    return body(call);
  });
}

}  // namespace

extern "C" {

Result cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  return enter(k_cuMemAlloc_v2, [&](Call& call) -> Result {
    if (pointer == nullptr || bytes == 0) return kInvalidValue;
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (const Result result = check_unsafe(call)) return result;
    void* memory = std::malloc(bytes);
    if (memory == nullptr) return kOutOfMemory;
    call.state().allocations.emplace(reinterpret_cast<uintptr_t>(memory), bytes);
    *pointer = reinterpret_cast<DevicePointer>(memory);
    return kSuccess;
  });
}

Result cuMemFree_v2(DevicePointer pointer) {
  return enter(k_cuMemFree_v2, [&](Call& call) -> Result {
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (const Result result = check_unsafe(call)) return result;
    if (pointer == 0) return kSuccess;
    if (call.state().allocations.erase(static_cast<uintptr_t>(pointer)) == 0) return kInvalidValue;
    std::free(reinterpret_cast<void*>(pointer));
    return kSuccess;
  });
}

Result cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  return enter(k_cuMemHostAlloc, [&](Call& call) -> Result {
    if (memory == nullptr || bytes == 0) return kInvalidValue;
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (const Result result = check_unsafe(call)) return result;
    void* made = std::malloc(bytes);
    if (made == nullptr) return kOutOfMemory;
    call.state().host_allocations.insert(made);
    *memory = made;
    return kSuccess;
  });
}

Result cuMemFreeHost(void* memory) {
  return enter(k_cuMemFreeHost, [&](Call& call) -> Result {
    ContextObject* context = nullptr;
    if (const Result result = call.find_current(&context)) return result;
    if (const Result result = check_unsafe(call)) return result;
    if (call.state().host_allocations.erase(memory) == 0) return kInvalidValue;
    std::free(memory);
    return kSuccess;
  });
}

Result cuMemcpyHtoD_v2(DevicePointer to, const void* from, size_t bytes) {
  return enter_waiting(k_cuMemcpyHtoD_v2,
                       [&](Call& call) { return copy_to_device(call, to, from, bytes, nullptr, true); });
}

Result cuMemcpyHtoD_v2_ptds(DevicePointer to, const void* from, size_t bytes) {
  return enter_waiting(k_cuMemcpyHtoD_v2_ptds,
                       [&](Call& call) { return copy_to_device(call, to, from, bytes, nullptr, true); });
}

Result cuMemcpyDtoH_v2(void* to, DevicePointer from, size_t bytes) {
  return enter_waiting(k_cuMemcpyDtoH_v2,
                       [&](Call& call) { return copy_to_host(call, to, from, bytes, nullptr, true); });
}

Result cuMemcpyDtoH_v2_ptds(void* to, DevicePointer from, size_t bytes) {
  return enter_waiting(k_cuMemcpyDtoH_v2_ptds,
                       [&](Call& call) { return copy_to_host(call, to, from, bytes, nullptr, true); });
}

Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes, Stream stream) {
  return enter(k_cuMemcpyHtoDAsync_v2,
               [&](Call& call) { return copy_to_device(call, to, from, bytes, stream, false); });
}

Result cuMemcpyHtoDAsync_v2_ptsz(DevicePointer to, const void* from, size_t bytes, Stream stream) {
  return enter(k_cuMemcpyHtoDAsync_v2_ptsz,
               [&](Call& call) { return copy_to_device(call, to, from, bytes, stream, false); });
}

Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, Stream stream) {
  return enter(k_cuMemcpyDtoHAsync_v2, [&](Call& call) { return copy_to_host(call, to, from, bytes, stream, false); });
}

Result cuMemcpyDtoHAsync_v2_ptsz(void* to, DevicePointer from, size_t bytes, Stream stream) {
  return enter(k_cuMemcpyDtoHAsync_v2_ptsz,
               [&](Call& call) { return copy_to_host(call, to, from, bytes, stream, false); });
}

}  // extern "C"

}  // namespace gpuspan::sim
