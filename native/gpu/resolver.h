// SPDX-License-Identifier: Apache-2.0
//
// The process's one resolver: a thread that learns when the device passed the marks of GPU slices and writes the
// finished slices to its own lane. It polls (launching threads cannot wake it) and is the only thread that asks the
// device anything but the marks themselves. See docs/design/device-timers.md.
#ifndef GPUSPAN_GPU_RESOLVER_H_
#define GPUSPAN_GPU_RESOLVER_H_

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/gpu_lane.h"
#include "gpu.h"
#include "gpu_state.h"
#include "in_flight_table.h"
#include "stream_queue.h"
#include "wake_up.h"

namespace gpuspan {

// Between two polls: the shortest right after something happened, doubling up to the longest while slices are
// pending, then up to kIdlePollNs while nothing is.
inline constexpr uint64_t kShortestPollNs = 1'000'000;
inline constexpr uint64_t kLongestPollNs = 20'000'000;
inline constexpr uint64_t kIdlePollNs = 100'000'000;
// Idle for this long, the resolver stops polling and waits to be woken; by itself it wakes rarely, for a process that
// nobody reads.
inline constexpr uint64_t kDozeAfterNs = 1'000'000'000;
inline constexpr uint64_t kLongestDozeNs = 60'000'000'000;

class Resolver {
 public:
  Resolver(GpuState& state, GpuLog log);
  // Only after `stop` returned true, or without a `start`.
  ~Resolver();

  // Starts the thread, which claims its lane; false with `error`.
  bool start(std::string* error);
  // Set-up, any thread: a table to serve from now on, owned by the resolver.
  InFlightTable* adopt(std::unique_ptr<InFlightTable> table) noexcept;
  // See Gpu. False: the thread did not come back from the device's library and must be left alone for good.
  bool stop(uint32_t timeout_millis) noexcept;
  bool settle(uint32_t timeout_millis) noexcept;
  // Ends a doze. Any thread that may make a system call.
  void wake() noexcept;
  // Set-up, any thread: has the resolver's thread prepare the stream, and waits for it. Null with `error`.
  std::unique_ptr<Stream> prepare(std::unique_ptr<Stream> stream, std::string* error);

  const DurationHistogram& record_calls() const noexcept { return record_calls_; }
  const char* failure() const noexcept { return failure_.load(std::memory_order_acquire); }

 private:
  // What the resolver knows of one launching thread.
  struct Thread {
    std::unique_ptr<InFlightTable> table;
    std::vector<StreamQueue> queues;
    size_t pending = 0;
  };

  // A stream on its way through `prepare`, owned by both sides until one is done with it.
  struct Preparation {
    std::unique_ptr<Stream> stream;
    std::string error;
    bool ready = false;
    bool done = false;
  };

  static void* run_thread(void* self);
  bool claim_lane(std::string* error);
  void run();
  void sleep(uint64_t duration_ns, uint64_t asked);
  void doze(uint64_t asked);
  bool may_doze() noexcept;
  void prepare_streams();
  // One round over all threads; true if something moved.
  bool poll_all(uint64_t now_ns);
  void meet_tables();
  bool accept(Thread& thread);
  bool resolve(Thread& thread, StreamQueue& queue);
  // False: the device is not sure yet, contrary to what it said of a later slice.
  bool finish(Thread& thread, StreamQueue& queue, uint64_t seen_ns);
  uint16_t take_out(Thread& thread, StreamQueue& queue, size_t position);
  void lose(Thread& thread, uint16_t index, Loss reason);
  void lose_pending(Thread& thread, Loss reason);
  void write(InFlight& slice, const StreamInterval& interval);
  void note_failure() noexcept;
  void announce_death();
  void give_up_open(Thread& thread);
  void forget_closed();
  void shut_down(uint64_t deadline_ns);
  bool wait_for_launchers(uint64_t deadline_ns);
  void note_settled(uint64_t asked);
  uint64_t oldest_pending() const noexcept;

  GpuState& state_;
  const GpuLog log_;
  const pid_t pid_;
  std::optional<GpuLane> lane_;
  std::vector<Thread> threads_;
  std::atomic<InFlightTable*> unmet_{nullptr};
  size_t pending_ = 0;
  uint64_t met_ = 0;       // slices ever accepted
  uint32_t failures_ = 0;  // of poll and read, in a row
  DurationHistogram record_calls_;
  std::string failure_text_;
  std::atomic<const char*> failure_{nullptr};

  // Under wake_up_.
  WakeUp wake_up_;
  enum class Life : uint8_t { kNone, kStarting, kRunning, kRefused, kFinished } life_ = Life::kNone;
  bool stopping_ = false;
  bool woken_ = false;
  std::vector<std::shared_ptr<Preparation>> preparing_;
  bool joined_ = false;
  uint64_t stop_deadline_ns_ = 0;
  uint32_t settlers_ = 0;       // threads inside `settle`; while there are any, polling is at its shortest
  uint64_t settle_asked_ = 0;   // tickets
  uint64_t settle_marked_ = 0;  // asked, and what had been launched by then is in settle_mark_
  uint64_t settle_mark_ = 0;
  uint64_t settle_answered_ = 0;
  std::string start_error_;
  pthread_t thread_{};
};

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_RESOLVER_H_
