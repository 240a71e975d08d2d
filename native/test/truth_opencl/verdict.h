// SPDX-License-Identifier: Apache-2.0
//
// Holds what gpuspan recorded against the truth, slice by slice, and says what was found: as text, as JSON, and as
// a list of what is wrong.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_VERDICT_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "native/test/core/segment_reader.h"
#include "raw_timeline.h"
#include "stamp_tap.h"

namespace gpuspan::truth {

// Median, 99th percentile and maximum, ns.
struct Spread {
  int64_t p50 = 0, p99 = 0, max = 0;
};
// Of the values' magnitudes.
Spread spread_of(std::vector<int64_t> values);

// A recorded slice beside its truth. Errors are recorded minus true, ns.
struct Judged {
  int64_t true_start_ns = 0, true_end_ns = 0;
  int64_t start_error_ns = 0, end_error_ns = 0;
  int64_t bound_ns = 0;
  int64_t truth_ns = 0;         // how well the truth itself is known, at the worse end
  int64_t device_ns = 0;        // the duration by the device's clock
  int64_t duration_off_ns = 0;  // recorded duration minus device_ns
  int64_t idle_before_ns = 0;   // the device had nothing to do for so long; 0 when it was busy
  bool clamped = false;
};

// What the run is to be judged by.
struct Goal {
  uint64_t kernels = 0;
  double seconds = 0;
};

struct Findings {
  std::vector<Judged> slices;  // by true start
  double seconds = 0;          // from the first true start to the last true end
  uint64_t starts_within = 0, ends_within = 0;
  uint64_t clamped = 0;
  uint64_t idle_gaps_over_3s = 0;
  double longest_idle_s = 0;
  double closest = 0;  // the largest |error| / bound
  Spread error_ns, bound_ns, duration_ns, truth_ns;
  // Sentences; empty when all is well.
  std::vector<std::string> wrong;
};

// `records`: the GPU slices that the reader got. `device`: the same slices as the driver saw them.
Findings judge(const std::vector<testing::Record>& records, const std::vector<DeviceSlice>& device,
               const RawTimeline& truth, const Goal& goal);

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_VERDICT_H_
