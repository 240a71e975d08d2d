// SPDX-License-Identifier: Apache-2.0
//
// What a device of this example does: it holds the model's weights and, for a batch of hidden vectors, finds the
// row of weights whose product plus noise is highest. Called by addon.cc: `launch` on the JavaScript thread,
// `wait` on a thread of libuv's pool.
#ifndef TEXT_SERVER_DEVICE_H_
#define TEXT_SERVER_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace text_server {

inline constexpr uint32_t kDimensions = 256;   // of a hidden vector, as in model/model.mjs
inline constexpr uint32_t kNoise = 1024;       // entries of the noise table, a power of two
inline constexpr uint32_t kMaxBatch = 64;      // hidden vectors a job
inline constexpr uint32_t kPickThreads = 256;  // of forward.cu's kernel `pick`

struct Model {
  std::vector<int8_t> weights;  // rows() x kDimensions
  std::vector<int32_t> noise;   // kNoise
  uint32_t rows() const { return static_cast<uint32_t>(weights.size() / kDimensions); }
};

// The hash behind the noise: `mix` of model/model.mjs.
constexpr uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// The reference: the product of a row of weights and a hidden vector, plus noise.
inline int32_t score_of(const int8_t* weights, const int8_t* hidden, const int32_t* noise, uint32_t seed,
                        uint32_t row) {
  int32_t sum = noise[mix(seed + row) % kNoise];
  for (uint32_t k = 0; k < kDimensions; k++) sum += weights[k] * hidden[k];
  return sum;
}

// One launch. It owns what the device reads and writes, and lives until it has been waited for.
struct Job {
  virtual ~Job() = default;
  std::vector<int8_t> hidden;   // batch x kDimensions
  std::vector<uint32_t> seeds;  // batch
  std::vector<int32_t> picks;   // batch: the rows that were found
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const char* kind() const = 0;
  virtual const std::string& name() const = 0;

  virtual std::unique_ptr<Job> make_job() const = 0;
  // Starts the job and returns at once. `trace` is `request.handle` or `batch.handle` of gpuspan, 0 for none.
  // False: the device refused.
  virtual bool launch(Job& job, uint64_t trace) = 0;
  // Blocks until the job is done. False: the device failed, and `picks` means nothing.
  virtual bool wait(Job& job) = 0;
};

// Null with `error` where there is no such device.
std::unique_ptr<Device> open_opencl_device(Model model, std::string* error);
std::unique_ptr<Device> open_thread_device(Model model);
// `kernels`: forward.cu as nvcc compiled it; empty where it was not, which is enough for the simulated driver.
// `simulated`: only that driver will do.
std::unique_ptr<Device> open_cuda_device(Model model, const std::string& kernels, bool simulated, std::string* error);

}  // namespace text_server

#endif  // TEXT_SERVER_DEVICE_H_
