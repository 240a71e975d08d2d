// SPDX-License-Identifier: Apache-2.0
//
// Finds devices and examines queue handles. OpenCL itself does not: a loader jumps through whatever a handle points
// to, and a driver may answer for the wrong kind of object (PoCL reads a context as if it were a queue). So a handle
// must be readable, must start like the objects of an installed driver do (cl_khr_icd puts the dispatch table
// first), and what it says about itself must fit together.
#include "opencl_devices.h"

#include <algorithm>
#include <cstdio>

#include "../readable.h"

namespace gpuspan::opencl {
namespace {

constexpr size_t kMostDevices = 64;
constexpr Bitfield kKnownProperties = 0xf;  // out-of-order, profiling, and OpenCL 2's two for device queues

// Objects are at least this big; an address whose first bytes cannot be read is none.
constexpr size_t kProbeBytes = 64;

}  // namespace

bool Devices::find(const Api& api, std::string* reason) {
  api_ = &api;
  Platform platforms[16];
  Unsigned count = 0;
  const Status status = api.get_platform_ids(16, platforms, &count);
  if (status == kPlatformNotFound || (status == kSuccess && count == 0)) {
    *reason = "the OpenCL loader found no driver; install one (for the CPU, Debian: pocl-opencl-icd)";
    return false;
  }
  if (status != kSuccess) {
    *reason = "clGetPlatformIDs returned " + std::to_string(status) + "; check the OpenCL installation with clinfo";
    return false;
  }
  for (Unsigned i = 0; i < std::min(count, 16u); ++i) add_devices(platforms[i]);
  if (!devices_.empty()) return true;
  *reason = "the OpenCL drivers found no device; check the OpenCL installation with clinfo";
  return false;
}

void Devices::add_devices(Platform platform) {
  Device ids[kMostDevices];
  Unsigned count = 0;
  if (api_->get_device_ids(platform, kDeviceTypeAll, kMostDevices, ids, &count) != kSuccess) return;
  char name[128] = "";
  api_->get_platform_info(platform, kPlatformName, sizeof name - 1, name, nullptr);
  first_words_.push_back(*reinterpret_cast<const uint64_t*>(platform));
  for (Unsigned i = 0; i < std::min<Unsigned>(count, kMostDevices); ++i) {
    Known known;
    known.id = ids[i];
    known.platform = name;
    known.name = device_text(ids[i], kDeviceName);
    size_t tick = 1;
    if (api_->get_device_info(ids[i], kDeviceTimerResolution, sizeof tick, &tick, nullptr) == kSuccess) {
      known.tick_ns = static_cast<int64_t>(std::clamp<size_t>(tick, 1, 1'000'000));
    }
    first_words_.push_back(*reinterpret_cast<const uint64_t*>(ids[i]));
    devices_.push_back(known);
  }
}

std::string Devices::device_text(Device device, Info info) const {
  char text[256] = "";
  return api_->get_device_info(device, info, sizeof text - 1, text, nullptr) == kSuccess ? text : "";
}

std::string Devices::description() const {
  const Known& first = devices_.front();
  std::string text = "OpenCL, " + first.platform + ", " + first.name;
  if (devices_.size() > 1) text += " and " + std::to_string(devices_.size() - 1) + " more";
  return text;
}

bool Devices::is_object(const void* object) const {
  return object_trouble(reinterpret_cast<uint64_t>(object)) == nullptr;
}

const char* Devices::object_trouble(uint64_t handle) const {
  if (handle == 0) return "is null; pass the cl_command_queue itself";
  uint64_t words[kProbeBytes / sizeof(uint64_t)];
  if (handle % alignof(void*) != 0 || !read_memory(handle, words, kProbeBytes)) {
    return "is not an address of this process; pass the cl_command_queue itself";
  }
  if (std::find(first_words_.begin(), first_words_.end(), words[0]) == first_words_.end()) {
    return "is not an object of an installed OpenCL driver; pass the cl_command_queue itself";
  }
  return nullptr;
}

// Sub-devices are not listed; they belong to the device they were cut from.
int Devices::index_of(Device device) const {
  for (int depth = 0; depth < 4 && device != nullptr; ++depth) {
    for (size_t i = 0; i < devices_.size(); ++i) {
      if (devices_[i].id == device) return static_cast<int>(i);
    }
    Device parent = nullptr;
    if (!is_object(device)) return -1;
    if (api_->get_device_info(device, kDeviceParent, sizeof parent, &parent, nullptr) != kSuccess) return -1;
    device = parent;
  }
  return -1;
}

bool Devices::supports_markers(Device device) const {
  int major = 0, minor = 0;
  const std::string version = device_text(device, kDeviceVersion);
  if (std::sscanf(version.c_str(), "OpenCL %d.%d", &major, &minor) != 2) return false;
  return major > 1 || (major == 1 && minor >= 2);
}

const char* Devices::queue_trouble(Queue queue, int* device) const {
  static constexpr const char* kNotQueue = "is not a command queue; pass the cl_command_queue itself";
  Bitfield properties = 0;
  Device on = nullptr;
  Context context = nullptr;
  if (api_->get_queue_info(queue, kQueueDevice, sizeof on, &on, nullptr) != kSuccess ||
      api_->get_queue_info(queue, kQueueContext, sizeof context, &context, nullptr) != kSuccess ||
      api_->get_queue_info(queue, kQueueProperties, sizeof properties, &properties, nullptr) != kSuccess) {
    return kNotQueue;
  }
  *device = index_of(on);
  if (*device < 0 || (properties & ~kKnownProperties) != 0 || !is_object(context)) return kNotQueue;
  Device devices[kMostDevices];
  size_t bytes = 0;
  if (api_->get_context_info(context, kContextDevices, sizeof devices, devices, &bytes) != kSuccess) return kNotQueue;
  if (std::find(devices, devices + bytes / sizeof(Device), on) == devices + bytes / sizeof(Device)) return kNotQueue;

  if (!supports_markers(on)) return "is on a device older than OpenCL 1.2, which has no markers; use another device";
  if ((properties & kQueueOutOfOrder) != 0) {
    return "is out-of-order, where two points enclose nothing; create the queue without "
           "CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE";
  }
  if ((properties & kQueueProfiling) == 0) {
    return "has no profiling; create the queue with CL_QUEUE_PROFILING_ENABLE";
  }
  return nullptr;
}

int Devices::examine_queue(uint64_t handle, std::string* error) const {
  int device = -1;
  const char* trouble = object_trouble(handle);
  if (trouble == nullptr) trouble = queue_trouble(reinterpret_cast<Queue>(handle), &device);
  if (trouble == nullptr) return device;
  char hex[24];
  std::snprintf(hex, sizeof hex, "0x%llx", static_cast<unsigned long long>(handle));
  *error = std::string("stream ") + hex + " " + trouble;
  return -1;
}

}  // namespace gpuspan::opencl
