// SPDX-License-Identifier: Apache-2.0
//
// Random calls against a model of the lane: the same records come out, in the same order, with the same parents,
// and the same losses are counted. A failure prints its seed; GPUSPAN_TEST_SEED repeats that run alone.
#include <cstdlib>
#include <map>
#include <optional>

#include "lane_model.h"
#include "lane_test.h"

namespace gpuspan::testing {
namespace {

constexpr uint32_t kRingSlots = 128;

// One trial: the recorder and the model side by side.
class Trial {
 public:
  Trial(uint64_t seed, Recorder& recorder, SegmentReader& reader, const uint16_t* stages)
      : random_(seed), recorder_(recorder), reader_(reader), stages_(stages), model_(kRingSlots) {}

  void step() {
    // A batch that closed with its last member may have a successor in its entry; callers ask the handle's generation.
    std::erase_if(batches_, [this](const Both& batch) { return !model_.is_open(batch.model); });
    switch (below(20)) {
      case 0:
        return start();
      case 1:
        return leave();
      case 2:
        return finish();
      case 3:
        return define();
      case 4:
        return end_batch();
      case 5:
      case 6:
        return drain(below(2 * kRingSlots));
      case 7:
        return annotate();
      case 8:
        return next();
      case 9:
        return record();
      case 10:
      case 11:
      case 12:
      case 13:
      case 14:
        return end();
      default:
        return begin();
    }
  }

  void finish_all() {
    while (!requests_.empty()) finish_one(0);
    drain(UINT64_MAX);
  }

  void compare_counts() {
    const LaneCounts counts = reader_.counts(recorder_.index());
    EXPECT_EQ(counts.recorded, model_.recorded());
    EXPECT_EQ(counts.lost, model_.lost());
    EXPECT_EQ(counts.lost_owners, model_.lost_owners());
    EXPECT_EQ(reader_.account(recorder_.index()), "");
  }

 private:
  struct Both {
    uint32_t model = 0;
    uint32_t real = 0;  // owner index or token
  };

  uint64_t below(uint64_t limit) { return random_.next() % limit; }
  template <typename T>
  std::optional<size_t> any(const std::vector<T>& list) {
    if (list.empty()) return std::nullopt;
    return below(list.size());
  }
  // One of those that were, open or not: stale tokens and closed owners are part of the game.
  Both pick(const std::vector<Both>& list) {
    const auto index = any(list);
    return index ? list[*index] : Both{};
  }
  uint8_t level() { return static_cast<uint8_t>(1 + below(4)); }
  Items items(uint32_t n) {
    Items list;
    for (uint32_t i = 0; i < n; ++i) list.integer(1, i);
    return list;
  }

  void start() {
    const Both request = {model_.start(), recorder_.start_request({}, {})};
    ASSERT_EQ(request.model == 0, request.real == kNone);
    if (request.model != 0) requests_.push_back(request);
  }
  void leave() {
    const Both request = pick(requests_);
    if (request.model == 0) return;
    model_.leave(request.model);
    recorder_.leave(static_cast<uint16_t>(request.real), {});
  }
  void finish() {
    if (const auto index = any(requests_)) finish_one(*index);
  }
  void finish_one(size_t index) {
    const Both request = requests_[index];
    model_.finish(request.model);
    recorder_.finish(static_cast<uint16_t>(request.real), {});
    // Its index may name a new request from now on, so it must not be used again.
    requests_.erase(requests_.begin() + static_cast<ptrdiff_t>(index));
  }
  void define() {
    std::vector<uint32_t> model_members;
    std::vector<uint16_t> members;
    for (uint64_t n = below(6); n != 0; --n) {
      const Both request = pick(requests_);
      if (request.model == 0) continue;
      model_members.push_back(request.model);
      members.push_back(static_cast<uint16_t>(request.real));
    }
    // Entries of closed batches wait for the reader; so few are open that none ever run out.
    const Both batch = {model_.define(model_members),
                        recorder_.define_batch(members.data(), static_cast<uint32_t>(members.size()), {})};
    ASSERT_EQ(batch.model == 0, batch.real == kNone);
    if (batch.model == 0) return;
    model_.set_entry(batch.model, batch.real);
    batches_.push_back(batch);
  }
  void end_batch() {
    const auto index = any(batches_);
    if (!index) return;
    const Both batch = batches_[*index];
    batches_.erase(batches_.begin() + static_cast<ptrdiff_t>(*index));
    model_.end_batch(batch.model);
    recorder_.end_batch(static_cast<uint16_t>(batch.real), {});
  }
  Both owner() {
    if (!batches_.empty() && below(3) == 0) {
      Both batch = pick(batches_);
      batch.real |= kBatchFlag;
      return batch;
    }
    return pick(requests_);
  }
  void begin() {
    const Both of = owner();
    if (of.model == 0) return;
    const uint8_t stage_level = level();
    const Both named = below(4) == 0 ? pick(slices_) : Both{};
    const Both slice = {model_.begin(of.model, stages_[stage_level], stage_level, named.model),
                        recorder_.begin(static_cast<uint16_t>(of.real), stages_[stage_level], named.real)};
    ASSERT_EQ(slice.model == 0, slice.real == 0);
    if (slice.model != 0) slices_.push_back(slice);
  }
  void end() {
    const auto index = any(slices_);
    if (!index) return;
    const Both slice = slices_[*index];
    const uint32_t n = below(3) == 0 ? static_cast<uint32_t>(below(100)) : 0;
    model_.end(slice.model, n);
    recorder_.end(slice.real, items(n));
    if (below(8) != 0) slices_.erase(slices_.begin() + static_cast<ptrdiff_t>(*index));  // else it is ended again
  }
  void annotate() {
    const Both slice = pick(slices_);
    if (slice.model == 0) return;
    const uint32_t n = static_cast<uint32_t>(below(30));
    model_.annotate(slice.model, n);
    recorder_.annotate(slice.real, items(n));
  }
  void next() {
    const auto index = any(slices_);
    if (!index) return;
    const uint8_t stage_level = level();
    const Both slice = {model_.next(slices_[*index].model, stages_[stage_level], stage_level),
                        recorder_.next(slices_[*index].real, stages_[stage_level])};
    ASSERT_EQ(slice.model == 0, slice.real == 0);
    slices_.erase(slices_.begin() + static_cast<ptrdiff_t>(*index));
    if (slice.model != 0) slices_.push_back(slice);
  }
  void record() {
    const Both of = owner();
    if (of.model == 0) return;
    const uint8_t stage_level = level();
    const bool backwards = below(4) == 0;
    model_.record(of.model, stages_[stage_level], stage_level, backwards);
    recorder_.record(static_cast<uint16_t>(of.real), stages_[stage_level], 10, backwards ? 9 : 11, {});
  }

  // The model's span stands for one real id, whichever record shows it first.
  void same_span(Span span, uint64_t id) {
    if (span == 0 || id == 0) {
      EXPECT_EQ(span == 0, id == 0);
      return;
    }
    EXPECT_EQ(ids_.try_emplace(span, id).first->second, id);
    EXPECT_EQ(spans_.try_emplace(id, span).first->second, span);
  }
  void drain(uint64_t slots) {
    const std::vector<Expected> expected = model_.drain(slots);
    const std::vector<Record> records = reader_.drain_some(recorder_.index(), slots);
    ASSERT_EQ(records.size(), expected.size());
    for (size_t i = 0; i < records.size(); ++i) {
      const Record& is = records[i];
      const Expected& should = expected[i];
      ASSERT_EQ(is.kind, static_cast<uint8_t>(should.kind));
      ASSERT_EQ(is.flags, should.flags) << "kind " << int{is.kind};
      ASSERT_EQ(is.stage, should.stage);
      ASSERT_EQ(is.slots, should.slots);
      ASSERT_EQ(is.items(), should.items);
      same_span(should.span, is.span_id);
      same_span(should.parent, is.parent);
      if (should.kind == Kind::kHostSlice) same_span(should.previous, is.last);
    }
  }

  IdGenerator random_;
  Recorder& recorder_;
  SegmentReader& reader_;
  const uint16_t* stages_;
  LaneModel model_;
  std::vector<Both> requests_, batches_, slices_;
  std::map<Span, uint64_t> ids_;
  std::map<uint64_t, Span> spans_;
};

class PropertyTest : public LaneTest {
 protected:
  void SetUp() override {}
  void run(uint64_t seed) {
    SCOPED_TRACE("GPUSPAN_TEST_SEED=" + std::to_string(seed));
    open(kRingSlots, seed % 2 == 0 ? UINT64_MAX - seed % 500 : (uint64_t{1} << 32) - seed % 500);
    Trial trial(seed, *recorder_, *reader_, stages_);
    for (int i = 0; i < 3000 && !HasFailure(); ++i) trial.step();
    if (HasFailure()) return;
    trial.compare_counts();
    trial.finish_all();
    trial.compare_counts();
    if (HasFailure()) return;
    const uint16_t owner = request();  // nothing of the room has leaked
    uint32_t open_slices = 0;
    while (recorder_->begin(owner, stage()) != 0) ++open_slices;
    EXPECT_EQ(open_slices, kRingSlots - kRingSlots / 8 - 2);
  }
};

TEST_F(PropertyTest, BehavesLikeTheModelUnderRandomCalls) {
  if (const char* seed = getenv("GPUSPAN_TEST_SEED")) return run(strtoull(seed, nullptr, 10));
  const uint64_t first = random_seed() % 1'000'000;
  for (uint64_t seed = first; seed < first + 30 && !HasFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace gpuspan::testing
