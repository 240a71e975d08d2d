// SPDX-License-Identifier: Apache-2.0
//
// Asks the driver for its devices. None of these calls needs or makes a context.
#include "cuda_devices.h"

#include <cstdio>
#include <cstring>

namespace gpuspan::cuda {
namespace {

std::string text_of(const char* prefix, const Uuid& uuid) {
  std::string text = prefix;
  for (int i = 0; i < 16; ++i) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    text += hex;
    if (i == 3 || i == 5 || i == 7 || i == 9) text += '-';
  }
  return text;
}

// The newer call names the MIG instance where the process was given one, the older always the GPU it is part of.
std::string identity(const Api& api, Device device) {
  Uuid gpu{}, instance{};
  const bool has_gpu = api.device_get_uuid(&gpu, device) == kSuccess;
  const bool has_instance = api.device_get_uuid_v2 != nullptr && api.device_get_uuid_v2(&instance, device) == kSuccess;
  if (!has_instance) return has_gpu ? text_of("GPU-", gpu) : "";
  const bool divided = has_gpu && std::memcmp(gpu.bytes, instance.bytes, sizeof gpu.bytes) != 0;
  return text_of(divided ? "MIG-" : "GPU-", instance);
}

}  // namespace

bool Devices::find(const Api& api, std::string* reason) {
  int count = 0;
  const Result result = api.device_get_count(&count);
  if (result != kSuccess || count <= 0) {
    *reason = result == kSuccess
                  ? "the CUDA driver has no device; check nvidia-smi and CUDA_VISIBLE_DEVICES"
                  : "cuDeviceGetCount returned " + std::to_string(result) + "; check the driver with nvidia-smi";
    return false;
  }
  for (int i = 0; i < count; ++i) {
    Device device = 0;
    char name[256] = "unknown device";
    Known known;
    if (api.device_get(&device, i) == kSuccess) {
      api.device_get_name(name, sizeof name - 1, device);
      known.uuid = identity(api, device);
    }
    known.name = name;
    devices_.push_back(known);
  }
  title_ = std::string(api.simulated ? "simulated " : "") + "CUDA driver " + std::to_string(api.version / 1000) + "." +
           std::to_string(api.version % 1000 / 10);
  return true;
}

std::string Devices::description() const {
  std::string text = title_ + ", " + devices_.front().name;
  if (devices_.size() > 1) text += " and " + std::to_string(devices_.size() - 1) + " more";
  return text;
}

std::string Devices::uuid(Device device) const {
  const auto index = static_cast<size_t>(device);
  return device >= 0 && index < devices_.size() ? devices_[index].uuid : "";
}

}  // namespace gpuspan::cuda
