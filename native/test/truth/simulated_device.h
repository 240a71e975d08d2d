// SPDX-License-Identifier: Apache-2.0
//
// A world's device: what its clock says at any host time, and when its marks execute and are seen. It knows the truth;
// the estimator only ever gets float32 differences of its stamps.
#ifndef GPUSPAN_TEST_TRUTH_SIMULATED_DEVICE_H_
#define GPUSPAN_TEST_TRUTH_SIMULATED_DEVICE_H_

#include <cstdint>
#include <vector>

#include "random.h"
#include "world.h"

namespace gpuspan::truth {

class SimulatedDevice {
 public:
  explicit SimulatedDevice(const World& world);

  // Ns on the device's clock at a host time, with and without its tick.
  int64_t exact(int64_t host_ns) const;
  int64_t stamp(int64_t host_ns) const;
  int64_t cut(int64_t host_ns) const { return exact(host_ns) - stamp(host_ns); }

  // When a mark that is enqueued now executes on an idle stream, and when the host sees one that executed.
  int64_t executes(int64_t enqueued_ns);
  int64_t seen(int64_t executed_ns);
  // The next moment at or after `host_ns` at which the GPU is ours.
  int64_t when_ours(int64_t host_ns) const;

 private:
  // From the start of each second on: what was gained before, and how fast more is.
  struct Second {
    double gained_ns = 0;
    double ppb = 0;
  };
  double swing(double host_ns) const;
  double latency(double shift_us, double mean_us, double median_us);

  World world_;
  Random random_;
  std::vector<Second> seconds_;
};

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_SIMULATED_DEVICE_H_
