// SPDX-License-Identifier: Apache-2.0
//
// A shared library with the OpenCL functions gpuspan uses and no device behind them: a marker completes when it is
// enqueued, or when its queue is flushed. See fake_opencl.h for what can be made to go wrong. Any thread.
#include "native/test/gpu/fake_opencl.h"

#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "native/core/clock.h"
#include "native/gpu/opencl/opencl_api.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

// Every OpenCL object starts with its driver's dispatch table.
struct Object {
  const void* dispatch;
};
struct _cl_platform_id : Object {
  uint64_t padding[8];
};
struct _cl_device_id : Object {
  _cl_device_id* parent;
  uint64_t padding[8];
};
struct _cl_context : Object {
  _cl_device_id* devices[2];
  uint64_t padding[8];
};
struct _cl_event : Object {
  int64_t queued, end;
  int32_t status;
};
struct _cl_command_queue : Object {
  _cl_device_id* device;
  uint64_t properties;
  std::vector<_cl_event*> collected;
};

namespace gpuspan::opencl {
namespace {

constexpr Status kFailure = -6;  // CL_OUT_OF_HOST_MEMORY
constexpr Status kInvalid = -30;
const int dispatch_table = 0;

_cl_platform_id platform{{&dispatch_table}, {}};
_cl_device_id device{{&dispatch_table}, nullptr, {}};
_cl_device_id subdevice{{&dispatch_table}, &device, {}};
_cl_context context{{&dispatch_table}, {&device, &subdevice}, {}};
std::mutex mutex;

uint64_t make_queue_on(_cl_device_id* on, uint64_t properties) {
  static auto* const queues = new std::deque<_cl_command_queue>;  // kept for good: handles stay valid
  std::lock_guard lock(mutex);
  return reinterpret_cast<uint64_t>(&queues->emplace_back(_cl_command_queue{{&dispatch_table}, on, properties, {}}));
}

FakeOpenCl& fake() {
  static FakeOpenCl* const made = [] {
    auto* fresh = new FakeOpenCl;
    fresh->make_queue = [](uint64_t properties) { return make_queue_on(&device, properties); };
    fresh->make_queue_on_subdevice = [](uint64_t properties) { return make_queue_on(&subdevice, properties); };
    return fresh;
  }();
  return *made;
}

bool fails() {
  const uint64_t call = fake().calls.fetch_add(1) + 1;
  const uint64_t failing = fake().failing.load();
  return failing == FakeOpenCl::kAlways || failing == call;
}

int64_t device_now() {
  const int64_t tick = fake().clock_tick_ns.load();
  return (static_cast<int64_t>(monotonic_ns()) + fake().clock_offset_ns.load()) / tick * tick;
}

Status give(const void* value, size_t bytes, size_t room, void* into, size_t* size) {
  if (size != nullptr) *size = bytes;
  if (into == nullptr) return kSuccess;
  if (room < bytes) return kInvalid;
  std::memcpy(into, value, bytes);
  return kSuccess;
}
template <typename T>
Status give(const T& value, size_t room, void* into, size_t* size) {
  return give(&value, sizeof value, room, into, size);
}
Status give_text(const char* text, size_t room, void* into, size_t* size) {
  return give(text, std::strlen(text) + 1, room, into, size);
}

void complete(_cl_event* event) {
  event->end = device_now();
  event->status = fake().marker_status.load();
}

}  // namespace
}  // namespace gpuspan::opencl

using namespace gpuspan::opencl;  // NOLINT: the functions below are OpenCL's and have no namespace

EXPORT gpuspan::FakeOpenCl* fake_opencl() { return &fake(); }

EXPORT Status clGetPlatformIDs(Unsigned room, Platform* into, Unsigned* count) {
  if (fails()) return kFailure;
  if (fake().platforms.load() == 0) return kPlatformNotFound;
  if (room > 0) into[0] = &platform;
  *count = 1;
  return kSuccess;
}
EXPORT Status clGetPlatformInfo(Platform, Info, size_t room, void* into, size_t* size) {
  return fails() ? kFailure : give_text("Fake", room, into, size);
}
EXPORT Status clGetDeviceIDs(Platform, Bitfield, Unsigned room, Device* into, Unsigned* count) {
  if (fails()) return kFailure;
  *count = fake().devices.load();
  if (*count == 0) return -1;
  if (room > 0) into[0] = &device;
  return kSuccess;
}
EXPORT Status clGetDeviceInfo(Device on, Info info, size_t room, void* into, size_t* size) {
  if (fails()) return kFailure;
  if (info == kDeviceName) return give_text("fake device", room, into, size);
  if (info == kDeviceVersion) return give_text(fake().version.load(), room, into, size);
  if (info == kDeviceParent) return give(on->parent, room, into, size);
  return give(static_cast<size_t>(fake().clock_tick_ns.load()), room, into, size);
}
EXPORT Status clGetContextInfo(Context, Info, size_t room, void* into, size_t* size) {
  return fails() ? kFailure : give(context.devices, room, into, size);
}
EXPORT Status clGetCommandQueueInfo(Queue queue, Info info, size_t room, void* into, size_t* size) {
  if (fails()) return kFailure;
  if (info == kQueueDevice) return give(queue->device, room, into, size);
  if (info == kQueueContext) {
    const Context made_in = &context;
    return give(made_in, room, into, size);
  }
  return give(queue->properties, room, into, size);
}
EXPORT Status clRetainCommandQueue(Queue) {
  if (fails()) return kFailure;
  fake().queue_references.fetch_add(1);
  return kSuccess;
}
EXPORT Status clReleaseCommandQueue(Queue) {
  fake().queue_references.fetch_sub(1);
  return fails() ? kFailure : kSuccess;
}
EXPORT Status clEnqueueMarkerWithWaitList(Queue queue, Unsigned, const Event*, Event* marker) {
  if (fails()) return kFailure;
  auto* event = new _cl_event{{&dispatch_table}, device_now(), 0, kQueued};
  fake().events_alive.fetch_add(1);
  *marker = event;
  std::lock_guard lock(mutex);
  if (fake().collect.load()) {
    queue->collected.push_back(event);
  } else {
    complete(event);
  }
  return kSuccess;
}
EXPORT Status clFlush(Queue queue) {
  if (fails()) return kFailure;
  fake().flushes.fetch_add(1);
  std::lock_guard lock(mutex);
  for (_cl_event* event : queue->collected) complete(event);
  queue->collected.clear();
  return kSuccess;
}
EXPORT Status clGetEventInfo(Event event, Info, size_t room, void* into, size_t* size) {
  if (fails()) return kFailure;
  std::lock_guard lock(mutex);
  return give(event->status, room, into, size);
}
EXPORT Status clGetEventProfilingInfo(Event event, Info info, size_t room, void* into, size_t* size) {
  if (fails()) return kFailure;
  std::lock_guard lock(mutex);
  if (event->status != kComplete) return -7;  // CL_PROFILING_INFO_NOT_AVAILABLE
  const int64_t stamp = fake().no_stamps.load() ? 0 : info == kProfilingQueued ? event->queued : event->end;
  return give(stamp, room, into, size);
}
EXPORT Status clReleaseEvent(Event event) {
  fake().events_alive.fetch_sub(1);
  delete event;  // a test releases no event that is still collected
  return fails() ? kFailure : kSuccess;
}
