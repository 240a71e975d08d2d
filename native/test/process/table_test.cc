// SPDX-License-Identifier: Apache-2.0
//
// The function table across versions: where its entries are, and headers with tables that are shorter than theirs.
#include <cstring>
#include <memory>
#include <vector>

#include "process_fixture.h"

namespace gpuspan::testing {
namespace {

// Modules compiled against any version of the header call through these offsets: they never change.
static_assert(offsetof(gpuspan_api, size) == 8 && offsetof(gpuspan_api, version) == 12);
static_assert(offsetof(gpuspan_api, adopt) == 16 && offsetof(gpuspan_api, leave) == 24);
static_assert(offsetof(gpuspan_api, begin) == 32 && offsetof(gpuspan_api, end) == 40);
static_assert(offsetof(gpuspan_api, next) == 48 && offsetof(gpuspan_api, set_int) == 56);
static_assert(offsetof(gpuspan_api, set_double) == 64 && offsetof(gpuspan_api, gpu_begin) == 72);
static_assert(offsetof(gpuspan_api, gpu_end) == 80 && offsetof(gpuspan_api, gpu_set_int) == 88);
static_assert(offsetof(gpuspan_api, gpu_set_double) == 96 && offsetof(gpuspan_api, set) == 104);
static_assert(offsetof(gpuspan_api, gpu_set) == 112 && offsetof(gpuspan_api, request_set) == 120);
static_assert(offsetof(gpuspan_api, worker_set) == 128 && offsetof(gpuspan_api, end_with) == 136);
static_assert(offsetof(gpuspan_api, fail) == 144 && offsetof(gpuspan_api, event) == 152);
static_assert(offsetof(gpuspan_api, record) == 160 && offsetof(gpuspan_api, begin_under) == 168);
static_assert(offsetof(gpuspan_api, start_thread) == 176 && offsetof(gpuspan_api, event_at) == 184);
static_assert(sizeof(gpuspan_stage) == 24 && sizeof(gpuspan_event_kind) == 24 && sizeof(gpuspan_key) == 16);
static_assert(sizeof(gpuspan_attribute) == 24 && offsetof(gpuspan_attribute, type) == 8);
static_assert(offsetof(gpuspan_attribute, length) == 12 && offsetof(gpuspan_attribute, value) == 16);

constexpr uint32_t kFirstSize = 104;

gpuspan_stage g_stage = GPUSPAN_STAGE("process", "table", 1);
gpuspan_event_kind g_event = GPUSPAN_EVENT("process", "instant", 1);
gpuspan_key g_key = GPUSPAN_KEY("table_key");

class TableTest : public ProcessTest {
 protected:
  // The table as it was when it had `size` bytes. On the heap, so that AddressSanitizer sees a read beyond.
  const gpuspan_api* older(uint32_t size) {
    memory_ = std::make_unique<uint64_t[]>((size + 7) / 8);
    auto* api = reinterpret_cast<gpuspan_api*>(memory_.get());
    std::memcpy(memory_.get(), gpuspan_get_api_v1(), size);
    std::memcpy(reinterpret_cast<char*>(api) + offsetof(gpuspan_api, size), &size, sizeof size);
    return api;
  }
  // Copies of older tables are never freed, because other threads may use them; here LeakSanitizer is shown them.
  int use(const gpuspan_api* api) {
    static auto* const copies = new std::vector<const gpuspan_api*>;
    const int used = gpuspan_use_api(reinterpret_cast<uintptr_t>(api));
    copies->push_back(gpuspan_table_);
    return used;
  }

  std::unique_ptr<uint64_t[]> memory_;
};

TEST_F(TableTest, IsOfVersionOneAndAsLongAsTheHeaderKnows) {
  EXPECT_EQ(gpuspan_get_api_v1()->version, 1u);
  EXPECT_EQ(gpuspan_get_api_v1()->size, sizeof(gpuspan_api));
  EXPECT_EQ(GPUSPAN_API_MIN_SIZE, kFirstSize);
}

TEST_F(TableTest, AnyLengthFromTheFirstOnIsTaken) {
  for (uint32_t size = kFirstSize; size <= sizeof(gpuspan_api); size += 4) {
    ASSERT_EQ(use(older(size)), 1) << size;
    const gpuspan_request request = start_request();
    const gpuspan_attribute one = gpuspan_int(&g_key, 1);
    const gpuspan_token outer = gpuspan_begin(&g_stage, request);
    const gpuspan_token inner = gpuspan_begin_under(&g_stage, request, outer);
    EXPECT_NE(inner, 0u);
    gpuspan_set(inner, &one, 1);
    gpuspan_set_string(inner, &g_key, "text");
    gpuspan_fail(inner, "failed");
    gpuspan_event(&g_event, request, &one, 1);
    gpuspan_event_at(&g_event, request, inner, 1, &one, 1);
    gpuspan_record(&g_stage, request, 1, 2, &one, 1);
    gpuspan_request_set(request, &one, 1);
    gpuspan_worker_set(request, &one, 1);
    gpuspan_gpu_set(0, &one, 1);
    gpuspan_end_with(inner, &one, 1);
    gpuspan_end(outer);
    EXPECT_EQ(gpuspan_start_thread("late"), size >= 184 ? 1 : 0);
    finish(request);
    const std::vector<Record> records = drain();
    const size_t recorded = size >= 168 ? 1 : 0;  // gpuspan_record's
    EXPECT_EQ(records.size(), 4 + recorded) << size;
  }
}

TEST_F(TableTest, AnOlderOneThatIsTakenAgainIsCopiedOnce) {
  const gpuspan_api* const api = older(kFirstSize);
  ASSERT_EQ(use(api), 1);
  const gpuspan_api* const copy = gpuspan_table_;
  ASSERT_EQ(use(api), 1);
  EXPECT_EQ(gpuspan_table_, copy);
}

TEST_F(TableTest, AShorterOneAndAnotherVersionAreRefused) {
  EXPECT_EQ(use(older(kFirstSize - 8)), 0);
  gpuspan_api table = *gpuspan_get_api_v1();
  table.version = 0;
  EXPECT_EQ(use(&table), 0);
  table = *gpuspan_get_api_v1();
  table.magic ^= 1;
  EXPECT_EQ(use(&table), 0);
  EXPECT_EQ(gpuspan_find_api(), gpuspan_get_api_v1());
}

TEST_F(TableTest, ALongerOneIsTakenAsItIs) {
  struct {
    gpuspan_api known;
    void (*later)(void);
  } newer = {*gpuspan_get_api_v1(), nullptr};
  newer.known.size = sizeof newer;
  EXPECT_EQ(use(&newer.known), 1);
  EXPECT_EQ(gpuspan_find_api(), &newer.known);
}

}  // namespace
}  // namespace gpuspan::testing
