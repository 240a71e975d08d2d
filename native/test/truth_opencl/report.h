// SPDX-License-Identifier: Apache-2.0
//
// Tells what a run found: on standard output for people, as JSON for whoever keeps the numbers.
#ifndef GPUSPAN_TEST_TRUTH_OPENCL_REPORT_H_
#define GPUSPAN_TEST_TRUTH_OPENCL_REPORT_H_

#include <cstdint>
#include <string>

#include "verdict.h"

namespace gpuspan::truth {

struct RunFacts {
  std::string device;   // as the device timer describes it
  std::string command;  // that repeats the run
  uint64_t seed = 0;
  int threads = 0, queues = 0;
  size_t looks = 0;      // of the truth at both clocks
  double drift_ppm = 0;  // of CLOCK_MONOTONIC against the device's clock
  double cpu_seconds = 0;
};

void print_report(const RunFacts& facts, const Findings& findings);
// False when the file cannot be written.
bool write_json(const char* path, const RunFacts& facts, const Findings& findings);

}  // namespace gpuspan::truth

#endif  // GPUSPAN_TEST_TRUTH_OPENCL_REPORT_H_
