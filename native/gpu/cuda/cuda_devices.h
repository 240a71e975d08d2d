// SPDX-License-Identifier: Apache-2.0
//
// The CUDA devices of the machine: names and identities. Set-up path; immutable once made.
#ifndef GPUSPAN_GPU_CUDA_CUDA_DEVICES_H_
#define GPUSPAN_GPU_CUDA_CUDA_DEVICES_H_

#include <string>
#include <vector>

#include "cuda_api.h"

namespace gpuspan::cuda {

class Devices {
 public:
  // False with `reason` when there is none.
  bool find(const Api& api, std::string* reason);

  // "CUDA driver 12.8, NVIDIA H100", and how many devices there are besides; "simulated CUDA driver ..." for that one.
  std::string description() const;
  // As nvidia-smi writes it: "GPU-xxxxxxxx-xxxx-...", "MIG-..." for an instance of a divided GPU; "" when not known.
  std::string uuid(Device device) const;

 private:
  struct Known {
    std::string name;
    std::string uuid;
  };

  std::string title_;
  std::vector<Known> devices_;
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_CUDA_DEVICES_H_
