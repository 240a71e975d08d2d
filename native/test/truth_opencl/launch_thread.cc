// SPDX-License-Identifier: Apache-2.0
//
// What the application does and when. Lengths and pauses are drawn log-uniformly, so that every order of magnitude
// gets its share.
#include "launch_thread.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "native/core/clock.h"

namespace gpuspan::truth {
namespace {

constexpr double kShortestKernelNs = 10e3, kLongestKernelNs = 3e6;
constexpr double kLongestBurst = 120;
const double kMeanBurst = (kLongestBurst - 1) / std::log(kLongestBurst);
// Pauses span this factor, and the longest is so many times their mean.
constexpr double kPauseSpread = 3000;
const double kLongestPause = std::log(kPauseSpread);
// Of the time that is left; the rest goes to the long pauses of other threads, which hold this one up too.
constexpr double kOwnPauses = 0.6;
constexpr double kQuietNs = 1e9;

}  // namespace

bool LaunchThread::open(uint16_t stage, std::string* error) {
  stage_ = stage;
  kernel_ = device_.make_kernel();
  for (int i = 0; i < kQueuesPerThread; ++i) {
    queues_[i] = device_.make_queue();
    if (kernel_ == nullptr || queues_[i] == nullptr) {
      *error = "no kernel or no queue could be made";
      return false;
    }
    streams_[i] = gpu_.stream(reinterpret_cast<uint64_t>(queues_[i]), error);
    if (streams_[i] == nullptr) return false;
  }
  return true;
}

void LaunchThread::run(const Share& share) {
  random_ = IdGenerator(share.seed);
  LaneMemory lane;
  std::string error;
  if (!segment_.claim_lane({}, &lane, &error)) {
    ++failures_;
    return;
  }
  Recorder recorder(segment_, lane);
  const auto launcher = gpu_.make_launcher(recorder);
  const uint64_t started_ns = monotonic_ns();
  while (launched_ < share.kernels || monotonic_ns() - started_ns < share.duration_ns) {
    burst(recorder, *launcher);
    pause(share, started_ns);
  }
  burst(recorder, *launcher);  // the last one comes after the whole duration
  for (cl_command_queue queue : queues_) clFinish(queue);
  launcher->close();
  recorder.close_all();
  segment_.orphan_lane(lane.index);
}

void LaunchThread::burst(Recorder& recorder, Launcher& launcher) {
  const uint16_t request = recorder.start_request({}, {});
  const auto kernels = static_cast<int>(log_uniform(1, kLongestBurst));
  for (int i = 0; i < kernels; ++i) {
    launch(launcher, request);
    if (one_in(2)) sleep_until(monotonic_ns() + static_cast<uint64_t>(log_uniform(1e3, 3e6)));
  }
  recorder.finish(request, {});
  for (cl_command_queue queue : queues_) one_in(2) ? clFinish(queue) : clFlush(queue);
}

void LaunchThread::launch(Launcher& launcher, uint16_t request) {
  const size_t which = random_.next() % kQueuesPerThread;
  const Token token = launcher.begin(request, stage_, *streams_[which]);
  // Now and then the host is late with the work, so that there are slices of up to half a second as well.
  if (one_in(100)) sleep_until(monotonic_ns() + static_cast<uint64_t>(log_uniform(1e5, 5e8)));
  const auto duration_ns = static_cast<uint64_t>(log_uniform(kShortestKernelNs, kLongestKernelNs));
  if (!device_.enqueue_spin(queues_[which], kernel_, duration_ns)) ++failures_;
  launcher.end(token);
  if (token == 0) {
    ++failures_;
  } else {
    ++launched_;
  }
  if (one_in(8)) clFinish(queues_[which]);
}

// Paces the thread so that it has launched its kernels when its time is over.
void LaunchThread::pause(const Share& share, uint64_t started_ns) {
  const uint64_t now = monotonic_ns();
  const uint64_t deadline_ns = started_ns + share.duration_ns;
  if (now < deadline_ns) {
    const double left = static_cast<double>(share.kernels - std::min(share.kernels, launched_));
    const double mean = kOwnPauses * static_cast<double>(deadline_ns - now) / std::max(1.0, left / kMeanBurst);
    const double longest = mean * kLongestPause;
    const double gap = log_uniform(longest / kPauseSpread, longest);
    const uint64_t until_ns = std::min(now + static_cast<uint64_t>(gap), deadline_ns);
    if (gap > kQuietNs) {
      uint64_t seen = quiet_until_ns_.load(std::memory_order_relaxed);
      while (seen < until_ns && !quiet_until_ns_.compare_exchange_weak(seen, until_ns, std::memory_order_relaxed)) {
      }
    }
    sleep_until(until_ns);
  }
  for (uint64_t quiet = 0; quiet != quiet_until_ns_.load(std::memory_order_relaxed);) {
    quiet = quiet_until_ns_.load(std::memory_order_relaxed);
    sleep_until(quiet);
  }
}

void LaunchThread::sleep_until(uint64_t deadline_ns) {
  const uint64_t now = monotonic_ns();
  if (now < deadline_ns) std::this_thread::sleep_for(std::chrono::nanoseconds(deadline_ns - now));
}

// In [0, 1).
double LaunchThread::unit() { return static_cast<double>(random_.next() >> 11) * 0x1p-53; }

double LaunchThread::log_uniform(double low, double high) { return low * std::pow(high / low, unit()); }

}  // namespace gpuspan::truth
