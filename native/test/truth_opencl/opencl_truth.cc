// SPDX-License-Identifier: Apache-2.0
//
// gpuspan_opencl_truth: real kernels on a real driver whose clock is not ours, through the whole GPU side, and every
// time in the segment held against the truth. Needs a device that keeps time by CLOCK_MONOTONIC_RAW (PoCL); elsewhere
// it refuses, with exit code 77, or 1 under GPUSPAN_REQUIRE_OPENCL=1. Exit code 0: every check passed.
//
//   gpuspan_opencl_truth [--kernels N] [--seconds S] [--seed X] [--json FILE]
#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "launch_thread.h"
#include "native/gpu/opencl/opencl_timer.h"
#include "report.h"

namespace gpuspan::truth {
namespace {

constexpr int kThreads = 2;
constexpr int kRefused = 77;
constexpr uint32_t kPatienceMillis = 60'000;
constexpr auto kReadPeriod = std::chrono::milliseconds(50);
// The first kernel starts a little after its thread: so much longer is every thread's share.
constexpr uint64_t kWarmUpNs = 500'000'000;

struct Options {
  uint64_t kernels = 10'000;
  uint64_t seconds = 300;
  uint64_t seed = 1;
  const char* json = nullptr;
};

bool parse_number(const char* text, uint64_t* value) {
  char* end = nullptr;
  errno = 0;
  *value = std::strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *value < 1'000'000'000;
}

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    uint64_t* const number = name == "--kernels"   ? &options->kernels
                             : name == "--seconds" ? &options->seconds
                             : name == "--seed"    ? &options->seed
                                                   : nullptr;
    if (name == "--json") {
      options->json = argv[i + 1];
    } else if (number == nullptr || !parse_number(argv[i + 1], number)) {
      return false;
    }
  }
  return argc % 2 == 1;
}

int refuse(const std::string& why) {
  const char* required = std::getenv("GPUSPAN_REQUIRE_OPENCL");
  const bool failed = required != nullptr && std::strcmp(required, "1") == 0;
  std::printf("truth: %s: %s\n", failed ? "FAILED, GPUSPAN_REQUIRE_OPENCL=1, but" : "NOT RUN", why.c_str());
  return failed ? 1 : kRefused;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Everything of one run: the application, gpuspan, and the reader of its segment.
class Run {
 public:
  // False with `error`: this machine cannot show what is to be shown.
  bool open(std::string* error);
  int execute(const Options& options);

 private:
  void launch_and_read(const Options& options);
  void read();
  void check_books(Findings* findings);

  OpenClDevice device_;
  std::unique_ptr<Segment> segment_;
  std::unique_ptr<testing::SegmentReader> reader_;
  std::unique_ptr<Gpu> gpu_;
  StampTap* tap_ = nullptr;  // gpu_'s
  std::atomic<uint64_t> quiet_until_ns_{0};
  std::vector<std::unique_ptr<LaunchThread>> threads_;
  RawTimeline truth_;
  std::vector<testing::Record> records_;  // of GPU slices
  bool settled_ = false;
};

bool Run::open(std::string* error) {
  std::unique_ptr<DeviceTimer> timer = make_opencl_timer(error);
  if (timer == nullptr || !device_.open(error)) return false;
  *error = device_.check_clock();
  if (!error->empty()) return false;
  SegmentOptions options;
  options.lanes = kThreads + 2;
  segment_ = Segment::create(options, error);
  if (segment_ == nullptr) return false;
  const uint16_t module = segment_->dictionary().intern(EntryKind::kModule, 0, 0, "truth").id;
  const uint16_t stage = segment_->dictionary().intern(EntryKind::kStage, module, 1, "kernel").id;
  reader_ = std::make_unique<testing::SegmentReader>(*segment_);
  auto tap = std::make_unique<StampTap>(std::move(timer));
  tap_ = tap.get();
  gpu_ = Gpu::create(*segment_, std::move(tap), "");
  *error = gpu_->reason();
  if (gpu_->timer() == nullptr) return false;
  for (int i = 0; i < kThreads; ++i) {
    threads_.push_back(std::make_unique<LaunchThread>(*segment_, *gpu_, device_, quiet_until_ns_));
    if (!threads_.back()->open(stage, error)) return false;
  }
  return true;
}

// What a reader does: takes what is in every lane, and wakes a resolver that dozes while there is work. The owners'
// records only make room.
void Run::read() {
  gpu_->nudge();
  for (uint32_t lane = 0; lane < segment_->used_lanes(); ++lane) {
    for (testing::Record& record : reader_->drain(lane)) {
      if (!record.is_owner()) records_.push_back(std::move(record));
    }
  }
}

void Run::launch_and_read(const Options& options) {
  std::mutex mutex;
  std::condition_variable changed;
  int running = kThreads;
  std::vector<std::thread> running_threads;
  for (int i = 0; i < kThreads; ++i) {
    const Share share{(options.kernels + kThreads - 1) / kThreads, options.seconds * 1'000'000'000 + kWarmUpNs,
                      options.seed * kThreads + static_cast<uint64_t>(i)};
    running_threads.emplace_back([&, i, share] {
      threads_[static_cast<size_t>(i)]->run(share);
      const std::lock_guard<std::mutex> lock(mutex);
      --running;
      changed.notify_all();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  while (!changed.wait_for(lock, kReadPeriod, [&] { return running == 0; })) {
    lock.unlock();
    read();
    lock.lock();
  }
  lock.unlock();
  for (std::thread& thread : running_threads) thread.join();
}

void Run::check_books(Findings* findings) {
  const auto expect = [findings](bool holds, const std::string& otherwise) {
    if (!holds) findings->wrong.push_back(otherwise);
  };
  uint64_t launched = 0, failures = 0, lost = 0;
  for (const auto& thread : threads_) {
    launched += thread->launched();
    failures += thread->failures();
  }
  for (uint32_t lane = 0; lane < segment_->used_lanes(); ++lane) {
    const std::string account = reader_->account(lane);
    expect(account.empty(), "the books of lane " + std::to_string(lane) + " do not balance: " + account);
    const testing::LaneCounts counts = reader_->counts(lane);
    lost += counts.lost_total();
    for (const uint64_t count : counts.lost_owners) lost += count;
  }
  expect(settled_, "slices were still in flight a minute after the last kernel");
  expect(failures == 0, std::to_string(failures) + " launches failed");
  expect(lost == 0, std::to_string(lost) + " losses were counted");
  expect(launched == records_.size() && launched == tap_->slices().size(),
         std::to_string(launched) + " slices were launched, the device finished " +
             std::to_string(tap_->slices().size()) + ", the reader got " + std::to_string(records_.size()));
}

int Run::execute(const Options& options) {
  truth_.start();
  launch_and_read(options);
  settled_ = gpu_->settle(kPatienceMillis);
  gpu_->stop(kPatienceMillis);
  read();
  truth_.stop();
  Findings findings = judge(records_, tap_->slices(), truth_, {options.kernels, static_cast<double>(options.seconds)});
  check_books(&findings);
  const std::string clock = device_.check_clock();
  if (!clock.empty()) findings.wrong.push_back("at the end of the run, " + clock);
  RunFacts facts;
  facts.device = tap_->description();
  facts.command = "npm run truth:opencl -- --kernels " + std::to_string(options.kernels) + " --seconds " +
                  std::to_string(options.seconds) + " --seed " + std::to_string(options.seed);
  facts.seed = options.seed;
  facts.threads = kThreads;
  facts.queues = kThreads * kQueuesPerThread;
  facts.looks = truth_.looks();
  facts.drift_ppm = truth_.drift_ppm();
  facts.cpu_seconds = cpu_seconds();
  print_report(facts, findings);
  if (options.json != nullptr && !write_json(options.json, facts, findings)) {
    std::printf("truth: %s cannot be written: %s\n", options.json, std::strerror(errno));
    return 1;
  }
  return findings.wrong.empty() ? 0 : 1;
}

int main_of(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) {
    std::fprintf(stderr, "usage: gpuspan_opencl_truth [--kernels N] [--seconds S] [--seed X] [--json FILE]\n");
    return 2;
  }
  Run run;
  std::string error;
  if (!run.open(&error)) return refuse(error);
  return run.execute(options);
}

}  // namespace
}  // namespace gpuspan::truth

int main(int argc, char** argv) { return gpuspan::truth::main_of(argc, argv); }
