// SPDX-License-Identifier: Apache-2.0
//
// Claiming, giving up and reusing lanes, and memory that cannot be had: an error at the claim, never a signal.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "lane_test.h"
#include "native/core/gpu_lane.h"

namespace gpuspan::testing {
namespace {

class LanesTest : public LaneTest {
 protected:
  void SetUp() override { open(64, 0, 3); }
};

TEST_F(LanesTest, WritesWhoClaimedALane) {
  LaneIdentity identity;
  identity.kind = 1;
  identity.worker_threads_id = 7;
  identity.label = 9;
  identity.tp_rank = 1;
  identity.ep_rank = 4;
  identity.gpu_index = 2;
  identity.gpu_uuid = 11;
  LaneMemory lane;
  std::string error;
  ASSERT_TRUE(segment_->claim_lane(identity, &lane, &error)) << error;
  const uint64_t at = reader_->lane_offset(lane.index);
  EXPECT_EQ(reader_->value<uint32_t>(at + 384), 1u);
  EXPECT_EQ(reader_->value<uint32_t>(at + 388), 1u);
  EXPECT_EQ(reader_->value<uint32_t>(at + 392), static_cast<uint32_t>(gettid()));
  EXPECT_EQ(reader_->value<int32_t>(at + 396), 7);
  EXPECT_EQ(reader_->value<uint16_t>(at + 416), 11u);
  EXPECT_EQ(reader_->value<uint16_t>(at + 400), 9);
  EXPECT_EQ(reader_->value<int16_t>(at + 402), 1);
  EXPECT_EQ(reader_->value<int16_t>(at + 404), -1);
  EXPECT_EQ(reader_->value<int16_t>(at + 408), 4);
  EXPECT_EQ(reader_->value<uint16_t>(at + 410), 1);
  EXPECT_EQ(reader_->value<uint32_t>(at + 412), 2u);
}

TEST_F(LanesTest, SaysWhatToDoWhenAllLanesAreTaken) {
  const auto a = claim(), b = claim();
  LaneMemory lane;
  std::string error;
  EXPECT_FALSE(segment_->claim_lane({}, &lane, &error));
  EXPECT_EQ(error,
            "All 3 lanes are held by threads that record or wait to be read; set GPUSPAN_LANES higher "
            "(at most 4095) or record on fewer threads.");
}

TEST_F(LanesTest, ReusesAnOrphanOnlyAfterItsRingIsDrained) {
  const auto a = claim();
  const uint16_t owner = a->start_request({}, {});
  a->begin(owner, stage());
  a->close_all();
  segment_->orphan_lane(a->index());
  EXPECT_EQ(claim()->index(), 2u);  // a fresh one
  EXPECT_EQ(claim(), nullptr);
  EXPECT_EQ(reader_->drain(a->index()).size(), 3u);
  const auto again = claim();
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->index(), a->index());
  EXPECT_EQ(reader_->counts(a->index()).generation, 2u);
}

TEST_F(LanesTest, PrefersADrainedOrphanToAFreshLane) {
  const uint32_t first = claim()->index();
  segment_->orphan_lane(first);
  EXPECT_EQ(claim()->index(), first);
}

TEST_F(LanesTest, KeepsCountsAndGenerationsOverReuse) {
  const auto a = claim();
  const uint16_t owner = a->start_request({}, {});
  const Handle handle = a->handle(owner);
  const Token token = a->begin(owner, stage());
  a->end(token);
  a->end(token);
  segment_->orphan_lane(a->index());  // terminated: nothing was closed
  reader_->drain(a->index());
  const auto b = claim();
  ASSERT_EQ(b->index(), a->index());
  const uint16_t again = b->start_request({}, {});
  EXPECT_EQ(again, owner);
  EXPECT_EQ(b->resolve(handle), kNone);
  RequestOrigin origin;
  EXPECT_FALSE(Recorder::read_request(*segment_, handle, &origin));
  EXPECT_NE(b->begin(again, stage()), token);
  EXPECT_EQ(reader_->counts(b->index()).recorded, 2u);
  b->close_all();
  EXPECT_EQ(only(reader_->drain(b->index()), Kind::kWorker).items(), "losses 4:1");
}

TEST_F(LanesTest, LetsEveryOwnerOfALaneDefineBatches) {
  for (int owner = 0; owner < 3; ++owner) {
    const auto recorder = claim();
    ASSERT_EQ(recorder->index(), 1u);
    const uint16_t members[] = {recorder->start_request({}, {}), recorder->start_request({}, {})};
    for (int batch = 0; batch <= owner; ++batch) EXPECT_NE(recorder->define_batch(members, 2, {}), kNone) << owner;
    recorder->close_all();
    reader_->drain(1);
    segment_->orphan_lane(1);
  }
}

// An identity whose every field tells the same number.
LaneIdentity identity_of(uint16_t n) {
  const auto rank = static_cast<int16_t>(n);
  return {.kind = n,
          .worker_threads_id = n,
          .label = n,
          .tp_rank = rank,
          .pp_rank = rank,
          .dp_rank = rank,
          .ep_rank = rank,
          .gpu_index = n,
          .gpu_uuid = n};
}

// The identity part of a lane's header as a reader copies it; false while a claim writes it.
bool copy_identity(const Segment& segment, uint64_t lane_offset, std::array<uint16_t, 12>* copy) {
  constexpr uint64_t kState = offsetof(LaneHeader, state), kIdentity = offsetof(LaneHeader, tid);
  uint32_t before[2], after[2];  // state, generation
  segment.read(lane_offset + kState, before, sizeof before);
  segment.read(lane_offset + kIdentity, copy->data(), sizeof *copy);
  segment.read(lane_offset + kState, after, sizeof after);
  return before[1] == after[1] && after[0] != static_cast<uint32_t>(LaneState::kFree);
}

// For ThreadSanitizer too: drained lanes are claimed again while a reader and `stats` look.
TEST_F(LanesTest, NeverShowsAMixtureOfTwoIdentities) {
  const auto claim_as = [this](uint16_t n) {
    LaneMemory lane;
    std::string error;
    ASSERT_TRUE(segment_->claim_lane(identity_of(n), &lane, &error)) << error;
    ASSERT_EQ(lane.index, 1u);
    uint32_t tid;
    EXPECT_EQ(segment_->identity(1, &tid).gpu_index, n);
    EXPECT_EQ(segment_->identity(1, &tid).gpu_uuid, n);
    EXPECT_EQ(tid, static_cast<uint32_t>(gettid()));
    segment_->orphan_lane(1);
  };
  claim_as(0);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> whole{0};
  std::thread reader([&] {
    std::array<uint16_t, 12> copy;
    while (!stop.load(std::memory_order_relaxed)) {
      if (!copy_identity(*segment_, reader_->lane_offset(1), &copy)) continue;
      whole.fetch_add(1, std::memory_order_relaxed);
      for (const size_t field : {2u, 5u, 6u, 7u, 8u, 9u, 10u}) EXPECT_EQ(copy[field], copy[4]) << field;
    }
  });
  for (uint16_t i = 0; i < 2000 || whole.load(std::memory_order_relaxed) < 100; ++i) claim_as(i % 1000);
  stop.store(true, std::memory_order_relaxed);
  reader.join();
}

// What ThreadSanitizer is to look at: nothing but the generation tells the reader that it may.
TEST_F(LanesTest, ShowsWhoClaimedALaneToWhoeverSeesItsGeneration) {
  std::atomic<uint32_t> tid{0};
  std::thread reader([&] {
    const LaneHeader& header = *segment_->lane(1).header;
    while (header.generation.load(std::memory_order_acquire) == 0) std::this_thread::yield();
    tid.store(reader_->value<uint32_t>(reader_->lane_offset(1) + 392));
  });
  const auto recorder = claim();
  reader.join();
  EXPECT_EQ(tid.load(), static_cast<uint32_t>(gettid()));
}

TEST_F(LanesTest, RefusesToTouchLanesThatWereNeverClaimed) {
  const uint64_t end = reader_->lane_offset(1);
  uint8_t bytes[16];
  EXPECT_EQ(segment_->used_lanes(), 1u);
  EXPECT_TRUE(segment_->read(end - 16, bytes, 16));
  EXPECT_FALSE(segment_->read(end - 8, bytes, 16));
  EXPECT_FALSE(segment_->read(end, bytes, 1));
  EXPECT_FALSE(segment_->advance(1, 0, 0, 0));
  ASSERT_EQ(claim()->index(), 1u);
  EXPECT_TRUE(segment_->read(end - 8, bytes, 16));
}

TEST_F(LanesTest, NoticesATokenOfAnotherLane) {
  const auto other = claim();
  const Token here = recorder_->begin(recorder_->start_request({}, {}), stage());
  const Token there = other->begin(other->start_request({}, {}), stage());
  EXPECT_NE(here, there);
  recorder_->end(there);
  EXPECT_EQ(lost(Loss::kStale), 1u);
  EXPECT_TRUE(drain().empty());
}

TEST_F(LanesTest, KeepsABusyLaneOutOfReuse) {
  const uint32_t first = claim()->index();
  segment_->set_busy(first, true);
  segment_->orphan_lane(first);
  EXPECT_NE(claim()->index(), first);
  segment_->set_busy(first, false);
  EXPECT_EQ(claim()->index(), first);
}

TEST_F(LanesTest, KeepsALaneWhoseGpuSlicesAreUnreadOutOfReuse) {
  LaneMemory resolver;
  std::string error;
  ASSERT_TRUE(segment_->claim_lane({.kind = 2}, &resolver, &error));
  GpuLane gpu(*segment_, resolver);
  const auto producer = claim();
  const uint16_t owner = producer->start_request({}, {});
  GpuRecord record;
  ASSERT_TRUE(producer->gpu_origin(owner, 1, &record.origin));
  record.launching_lane = static_cast<uint16_t>(producer->index());
  ASSERT_TRUE(gpu.reserve());
  gpu.write(record);
  producer->close_all();
  reader_->drain(producer->index());
  segment_->orphan_lane(producer->index());
  EXPECT_EQ(claim(), nullptr);
  reader_->drain(resolver.index);
  EXPECT_EQ(claim()->index(), producer->index());
}

// Runs in a child, whose limits and mounts are its own. Its exit code is the number of the first check that failed.
int claim_under_a_file_size_limit() {
  SegmentOptions options;
  options.lanes = 2;
  options.ring_slots = 64;
  std::string error;
  const auto segment = Segment::create(options, &error);
  if (segment == nullptr) return 1;
  const rlimit limit = {4u << 20, 4u << 20};
  setrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, SIG_DFL);
  options.directory = "";
  // The size of a new segment exceeds the limit.
  options.ring_slots = 65536;
  if (Segment::create(options, &error) != nullptr) return 2;
  if (error.find("File too large; raise the file-size limit (ulimit -f)") == std::string::npos) return 3;
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGXFSZ) ? 4 : 0;
}

TEST_F(LanesTest, TurnsAFileSizeLimitIntoAnErrorWithoutASignal) {
  EXPECT_EQ(exit_code_of(claim_under_a_file_size_limit), 0);
}

constexpr int kNotPermitted = 99;

// Takes what is left of the file system that `folder` is on.
bool fill(const char* folder) {
  const int fd = open((std::string(folder) + "/filler").c_str(), O_CREAT | O_WRONLY, 0600);
  const std::vector<char> zeros(4096);
  while (write(fd, zeros.data(), zeros.size()) > 0) {
  }
  return close(fd) == 0 && errno == ENOSPC;
}

// Every way to a lane that was never claimed: there, even a load would raise SIGBUS.
int look_beyond_what_is_claimed(Segment& segment, Recorder& recorder) {
  const uint32_t lanes = segment.header().lanes;
  for (uint32_t lane = 1; lane < lanes; ++lane) {
    uint8_t byte;
    if (segment.read(segment.header().lanes_offset + lane * segment.header().lane_stride, &byte, 1)) return 10;
    if (segment.advance(lane, 0, 0, 0)) return 11;
    RequestOrigin origin;
    if (Recorder::read_request(segment, make_handle(2, lane, 0, 1), &origin)) return 12;
    if (recorder.adopt_batch(segment, make_handle(2, lane, kBatchFlag, 1)) != kNone) return 13;
  }
  return 0;
}

int claim_on_a_full_disk() {
  if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) return kNotPermitted;
  char folder[] = "/tmp/gpuspan-full-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("tmpfs", folder, "tmpfs", 0, "size=4m,mode=0700") != 0) return rmdir(folder), kNotPermitted;
  SegmentOptions options;
  options.lanes = 8;
  options.ring_slots = 64;
  options.directory = folder;
  std::string error;
  const auto segment = Segment::create(options, &error);
  if (segment == nullptr) return 2;
  LaneMemory lane;
  if (!segment->claim_lane({}, &lane, &error)) return 3;
  if (segment->claim_lane({}, &lane, &error)) return 4;  // 1.4 MB of header and 1.9 MB a lane: the second finds no room
  if (error.find("No space left on device; free space there, lower GPUSPAN_RING_SLOTS, or unset GPUSPAN_DIR.") ==
      std::string::npos) {
    return 5;
  }
  Recorder recorder(*segment, segment->lane(0));  // the first one goes on
  recorder.end(recorder.begin(recorder.start_request({}, {}), 1));
  if (!fill(folder)) return 7;
  if (const int failed = look_beyond_what_is_claimed(*segment, recorder)) return failed;
  if (umount2(folder, MNT_DETACH) != 0 || rmdir(folder) != 0) return 6;
  return 0;
}

TEST_F(LanesTest, TurnsAFullDiskIntoAnErrorAtTheClaimAndTouchesNoLaneThatWasNeverClaimed) {
  const int code = exit_code_of(claim_on_a_full_disk);
  if (code == kNotPermitted) GTEST_SKIP() << "mounting a small tmpfs is not permitted here";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace gpuspan::testing
