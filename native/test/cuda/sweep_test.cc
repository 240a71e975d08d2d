// SPDX-License-Identifier: Apache-2.0
//
// Each call of the driver fails once, at each place of a scenario that uses everything: streams of two contexts,
// default streams, captures, graphs, a pool that grows, a stream that is destroyed. No crash, no hang, no broken
// capture, every slice accounted for, and no call once the driver is gone.
#include <cstdlib>
#include <thread>

#include "native/test/cuda/by_hand.h"

namespace gpuspan {
namespace {

// Under sanitizers each call takes ten times as long and every place of a failure does as its neighbours do. There is
// one thread: TSan sees no more than the order of locks, which each call shows at its first place.
#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kStride = 35;
#elif defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kStride = 7;
#else
constexpr uint64_t kStride = 1;
#endif

struct Failure {
  const char* name;
  cuda::Result result;
  int sticky;
};
constexpr Failure kFailures[] = {
    {"OutOfMemory", cuda::kOutOfMemory, 0},
    {"InvalidHandle", cuda::kInvalidHandle, 0},
    {"IllegalAddress", cuda::kIllegalAddress, 1},
    {"ContextIsDestroyed", cuda::kContextIsDestroyed, 0},
    {"Unknown", cuda::kUnknown, 0},
    {"CaptureUnsupported", cuda::kStreamCaptureUnsupported, 0},
    {"NotReady", cuda::kNotReady, 0},
    {"Deinitialized", cuda::kDeinitialized, 1},
};

class SweepTest : public CudaTest, public testing::WithParamInterface<Failure> {
 protected:
  void SetUp() override {
    make_segment(4096);
    sim.use_clock();
  }

  gpuspan_sim_config small_world() const {
    gpuspan_sim_config config;
    sim.zero(&config);
    config.devices = 2;
    config.log_capacity = 1 << 10;
    config.call_ns = 50;
    config.record_ns = 500;
    config.query_ns = 100;
    config.submit = {GPUSPAN_SIM_FIXED, 0, 2'000, 0, 0};
    config.complete = {GPUSPAN_SIM_FIXED, 0, 1'000, 0, 0};
    return config;
  }

  struct Books {
    uint64_t tried = 0, launched = 0, placed = 0, lost = 0, pending = 0;
  };

  void capture(cuda::Stream on, const std::function<void()>& meanwhile) {
    cuda::Graph graph = nullptr;
    {
      const AsApplication application(sim.application);
      expect_success(sim.begin_capture(on, cuda::kCaptureGlobal));
    }
    meanwhile();
    const AsApplication application(sim.application);
    expect_success(sim.end_capture(on, &graph));
  }

  // Everything by hand, so that the n-th call is the same in each run.
  Books scenario(DeviceTimer& timer) {
    Books books;
    ByHand hand(sim, timer, [&](const ByHand::Outcome& outcome) {
      ++(outcome.answer == Read::kPlaced ? books.placed : books.lost);
    });
    const auto slices = [&](Stream* on, int count) {
      if (on == nullptr) return;
      for (int i = 0; i < count; ++i) {
        ++books.tried;
        books.launched += hand.launch(*on, [&] { sim.advance_ns(2'000); }) ? 1 : 0;
      }
      hand.settle(20);
    };
    const cuda::Stream first = new_stream();
    const std::unique_ptr<Stream> a = hand.open(handle_of(first));
    const std::unique_ptr<Stream> b = hand.open(0);
    slices(a.get(), 3);
    slices(b.get(), 2);
    const cuda::Context second = new_context(1);
    const std::unique_ptr<Stream> c = hand.open(handle_of(new_stream()));
    slices(c.get(), 3);
    make_current(context);
    capture(first, [&] {
      slices(a.get(), 2);
      slices(c.get(), 2);
    });
    sim.advance_ns(3'000'000'000);  // idle
    slices(a.get(), 70);            // makes the pool grow
    slices(c.get(), 2);
    make_current(second);
    slices(b.get(), 1);  // the wrong context is current
    make_current(context);
    books.pending = hand.pending();
    EXPECT_EQ(books.tried, books.launched + hand.refused);
    EXPECT_EQ(books.launched, books.placed + books.lost + books.pending);
    return books;
  }

  // The entry points that the scenario uses, with how often.
  std::vector<std::pair<std::string, uint64_t>> dry_run(const gpuspan_sim_config& config) {
    start_sim(config);
    {
      const std::unique_ptr<DeviceTimer> timer = new_timer(sim.host());
      sim.clear_counts();
      const Books books = scenario(*timer);
      EXPECT_EQ(books.lost + books.pending, 0u);
      EXPECT_GE(books.placed, 60u);
    }
    std::vector<std::pair<std::string, uint64_t>> used;
    for (size_t i = 0; sim.entry_point(i) != nullptr; ++i) {
      const uint64_t calls = sim.calls(sim.entry_point(i));
      if (calls != 0) used.emplace_back(sim.entry_point(i), calls);
    }
    return used;
  }
};

TEST_P(SweepTest, EveryCallFailsOnceAndTheBooksBalance) {
  const Failure& failure = GetParam();
  const gpuspan_sim_config config = small_world();
  uint64_t runs = 0;
  for (const auto& [entry_point, calls] : dry_run(config)) {
    for (uint64_t nth = 1; nth <= calls; nth += kStride) {
      SCOPED_TRACE(entry_point + " call " + std::to_string(nth) + " of " + std::to_string(calls));
      start_sim(config);
      std::unique_ptr<DeviceTimer> timer = new_timer(sim.host());
      sim.clear_counts();
      ASSERT_EQ(sim.fail(entry_point.c_str(), nth, failure.result, failure.sticky), 0);
      application_fails_ = failure.sticky != 0;
      scenario(*timer);
      timer.reset();
      application_fails_ = false;
      expect_manners();
      if (HasFailure()) return;
      ++runs;
    }
  }
  EXPECT_GT(runs, 500u / kStride);
}

INSTANTIATE_TEST_SUITE_P(Results, SweepTest, testing::ValuesIn(kFailures),
                         [](const testing::TestParamInfo<Failure>& failure) { return failure.param.name; });

// The same with the resolver's thread and real time, where the order is the scheduler's.
class ThreadedSweepTest : public CudaTest {
 protected:
  void SetUp() override { make_segment(4096); }

  // `threads` launchers on a stream each and on one that they share; the books, at the end, of all lanes.
  void run(int threads, int slices) {
    Stream& shared = stream(handle_of(new_stream()));
    std::vector<Stream*> own;
    for (int i = 0; i < threads; ++i) own.push_back(&stream(handle_of(new_stream())));
    std::atomic<uint64_t> launched{0}, refused{0}, tried{0};
    std::vector<std::thread> launchers;
    for (int i = 0; i < threads; ++i) {
      launchers.emplace_back([&, i] {
        make_current(context);
        Producer producer(*segment_, *gpu_);
        for (int n = 0; n < slices; ++n) {
          tried.fetch_add(1);
          launched.fetch_add(slice(producer, n % 3 == 0 ? shared : *own[static_cast<size_t>(i)], 1'000) ? 1 : 0);
          if (n % 50 == 49) gpu_->settle(kPatienceMillis);
        }
        for (uint32_t reason = 0; reason < kLossCount; ++reason) {
          refused.fetch_add(producer.lost(static_cast<Loss>(reason)));
        }
      });
    }
    for (std::thread& launcher : launchers) launcher.join();
    gpu_->stop(1'000);
    EXPECT_EQ(tried.load(), launched.load() + refused.load());
    EXPECT_EQ(launched.load(), written() + resolver_lost());
  }
};

TEST_F(ThreadedSweepTest, BooksBalanceWhileOneCallInAHundredFails) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    make_segment(4096);
    start_sim(real_time());
    use_cuda();
    const cuda::Result result = seed % 2 == 0 ? cuda::kOutOfMemory : 0;
    Stream* first = nullptr;  // the streams are opened before anything fails
    std::string error;
    first = gpu_->stream(handle_of(new_stream()), &error);
    ASSERT_NE(first, nullptr) << error;
    sim.fail_randomly(0.01, result, seed);
    std::unique_ptr<Producer> producer = std::make_unique<Producer>(*segment_, *gpu_);
    uint64_t launched = 0, tried = 600;
    for (uint64_t i = 0; i < tried; ++i) {
      launched += slice(*producer, *first, 1'000) ? 1 : 0;
      if (i % 20 == 19) gpu_->settle(kPatienceMillis);
      drain();
    }
    uint64_t refused = 0;
    for (uint32_t reason = 0; reason < kLossCount; ++reason) refused += producer->lost(static_cast<Loss>(reason));
    producer.reset();
    gpu_->stop(1'000);
    EXPECT_EQ(tried, launched + refused);
    EXPECT_EQ(launched, written() + resolver_lost());
    sim.fail_randomly(0, 0, 0);
  }
}

TEST_F(ThreadedSweepTest, BooksBalanceWhileCallsAreSlowAndThreadsCompete) {
  start_sim(real_time());
  use_cuda();
  ASSERT_EQ(sim.slow("cuEventRecord", 30'000), 0);
  ASSERT_EQ(sim.slow("cuEventQuery", 50'000), 0);
  ASSERT_EQ(sim.slow("cuEventElapsedTime_v2", 20'000), 0);
  run(3, 200);
}

TEST_F(ThreadedSweepTest, BooksBalanceWhileThreadsCompeteForThePool) {
  start_sim(real_time());
  use_cuda();
  run(4, 600);
}

}  // namespace
}  // namespace gpuspan
