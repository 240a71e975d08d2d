// SPDX-License-Identifier: Apache-2.0
//
// The model on plain threads, for machines without OpenCL. Each job is cut into parts of the vocabulary, which a few
// threads compute; each part is a host slice that gpuspan records on the thread that computed it.
// `launch` runs on the JavaScript thread, `wait` on a thread of libuv's pool.
#include <gpuspan.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "device.h"

namespace text_server {
namespace {

struct ThreadJob : Job {
  uint64_t trace = 0;
  uint32_t parts_left = 0;
  std::vector<int32_t> highest;  // score of each pick so far
};

struct Part {
  ThreadJob* job;
  uint32_t first_row, last_row;
};

class ThreadDevice : public Device {
 public:
  explicit ThreadDevice(Model model);
  ~ThreadDevice() override;

  const char* kind() const override { return "threads"; }
  const std::string& name() const override { return name_; }
  std::unique_ptr<Job> make_job() const override { return std::make_unique<ThreadJob>(); }
  bool launch(Job& job, uint64_t trace) override;
  bool wait(Job& job) override;

 private:
  void run();
  void compute(const Part& part);
  int32_t score(const ThreadJob& job, uint32_t member, uint32_t row) const;
  void merge(const Part& part, const std::vector<int32_t>& picks, const std::vector<int32_t>& scores);

  const Model model_;
  std::string name_;
  std::mutex mutex_;                 // guards everything below and what jobs hold
  std::condition_variable changed_;  // a part was queued or merged, or the device closes
  std::deque<Part> parts_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

ThreadDevice::ThreadDevice(Model model) : model_(std::move(model)) {
  const uint32_t count = std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  name_ = std::to_string(count) + " CPU threads";
  for (uint32_t i = 0; i < count; i++) threads_.emplace_back([this] { run(); });
}

ThreadDevice::~ThreadDevice() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ThreadDevice::launch(Job& base, uint64_t trace) {
  auto& job = static_cast<ThreadJob&>(base);
  const auto count = static_cast<uint32_t>(threads_.size());
  {
    const std::lock_guard lock(mutex_);
    job.trace = trace;
    job.parts_left = count;
    job.highest.assign(job.picks.size(), INT32_MIN);
    for (uint32_t i = 0; i < count; i++)
      parts_.push_back({&job, model_.rows() * i / count, model_.rows() * (i + 1) / count});
  }
  changed_.notify_all();
  return true;
}

bool ThreadDevice::wait(Job& base) {
  auto& job = static_cast<ThreadJob&>(base);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return job.parts_left == 0; });
  return true;
}

void ThreadDevice::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !parts_.empty(); });
    if (parts_.empty()) return;
    const Part part = parts_.front();
    parts_.pop_front();
    lock.unlock();
    compute(part);
    lock.lock();
  }
}

void ThreadDevice::compute(const Part& part) {
  static gpuspan_stage forward_stage = GPUSPAN_STAGE("model", "cpu_forward", 2);
  const gpuspan_request request = gpuspan_adopt(part.job->trace);
  const gpuspan_token slice = gpuspan_begin(&forward_stage, request);

  std::vector<int32_t> picks(part.job->picks.size(), 0), scores(part.job->picks.size(), INT32_MIN);
  for (uint32_t member = 0; member < picks.size(); member++) {
    for (uint32_t row = part.first_row; row < part.last_row; row++) {
      const int32_t found = score(*part.job, member, row);
      if (found > scores[member]) scores[member] = found, picks[member] = static_cast<int32_t>(row);
    }
  }

  gpuspan_end(slice);
  gpuspan_leave(request);
  merge(part, picks, scores);
}

int32_t ThreadDevice::score(const ThreadJob& job, uint32_t member, uint32_t row) const {
  return score_of(&model_.weights[size_t{row} * kDimensions], &job.hidden[size_t{member} * kDimensions],
                  model_.noise.data(), job.seeds[member], row);
}

// Parts arrive in any order: of equal scores the lower row wins, as in the reference.
void ThreadDevice::merge(const Part& part, const std::vector<int32_t>& picks, const std::vector<int32_t>& scores) {
  const std::lock_guard lock(mutex_);
  ThreadJob& job = *part.job;
  for (size_t i = 0; i < picks.size(); i++) {
    if (scores[i] < job.highest[i] || (scores[i] == job.highest[i] && picks[i] >= job.picks[i])) continue;
    job.highest[i] = scores[i];
    job.picks[i] = picks[i];
  }
  job.parts_left--;
  changed_.notify_all();
}

}  // namespace

std::unique_ptr<Device> open_thread_device(Model model) { return std::make_unique<ThreadDevice>(std::move(model)); }

}  // namespace text_server
