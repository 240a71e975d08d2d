// SPDX-License-Identifier: Apache-2.0
//
// The application's streams: examined when they are named, and the contexts they belong to, which are met in no other
// way. Set-up path, any thread.
#ifndef GPUSPAN_GPU_CUDA_CUDA_STREAMS_H_
#define GPUSPAN_GPU_CUDA_CUDA_STREAMS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver.h"

namespace gpuspan::cuda {

struct NamedStream {
  TimedContext* context = nullptr;
  Stream stream = nullptr;
  bool is_default = false;
  unsigned long long id = 0;  // cuStreamGetId; 0: not known
};

class Streams {
 public:
  explicit Streams(Driver& driver) : driver_(driver) {}

  // Null with `error`, a sentence that names the handle and the remedy. Lives as long as this object.
  NamedStream* open(uint64_t handle, std::string* error);
  // Whether the handle still means this stream. Handles are addresses and come again after a destroy; ids do not.
  bool still_names(const NamedStream& stream) const noexcept;
  // Whether the stream lives in the context that it was opened in, as far as handles tell. Any thread.
  bool in_its_context(const NamedStream& stream) const noexcept;
  // Tells apart the default streams of different contexts; other handles stand for themselves. Record path.
  uint64_t key(uint64_t handle) const noexcept;

 private:
  bool find_context(uint64_t handle, Context* context, std::string* error);
  TimedContext* meet(Context context);

  Driver& driver_;
  std::mutex mutex_;  // never held while the driver is called
  std::vector<std::unique_ptr<TimedContext>> contexts_;
  std::vector<std::unique_ptr<NamedStream>> streams_;
};

}  // namespace gpuspan::cuda

#endif  // GPUSPAN_GPU_CUDA_CUDA_STREAMS_H_
