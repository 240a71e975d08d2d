// SPDX-License-Identifier: Apache-2.0
//
// The OpenCL devices of the machine, and the examination of a handle that claims to be a queue on one of them.
// Set-up path; immutable once made.
#ifndef GPUSPAN_GPU_OPENCL_OPENCL_DEVICES_H_
#define GPUSPAN_GPU_OPENCL_OPENCL_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "opencl_api.h"

namespace gpuspan::opencl {

class Devices {
 public:
  // False with `reason` when there is no platform or no device.
  bool find(const Api& api, std::string* reason);

  size_t count() const noexcept { return devices_.size(); }
  // "Portable Computing Language, pthread-...", and how many more there are.
  std::string description() const;
  // Ns between two ticks of the device's profiling clock, at least 1.
  int64_t tick_ns(size_t device) const noexcept { return devices_[device].tick_ns; }

  // The device index of an in-order queue with profiling, or -1 with `error`, a sentence that names the handle and the
  // remedy. Never crashes on a made-up number.
  int examine_queue(uint64_t handle, std::string* error) const;

 private:
  struct Known {
    Device id = nullptr;
    std::string platform;
    std::string name;
    int64_t tick_ns = 1;
  };

  void add_devices(Platform platform);
  std::string device_text(Device device, Info info) const;
  bool is_object(const void* object) const;
  int index_of(Device device) const;
  bool supports_markers(Device device) const;
  // Null, or what is wrong with it.
  const char* object_trouble(uint64_t handle) const;
  const char* queue_trouble(Queue queue, int* device) const;

  const Api* api_ = nullptr;
  std::vector<Known> devices_;
  std::vector<uint64_t> first_words_;  // of every platform and device: each driver's dispatch table
};

}  // namespace gpuspan::opencl

#endif  // GPUSPAN_GPU_OPENCL_OPENCL_DEVICES_H_
