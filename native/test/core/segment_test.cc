// SPDX-License-Identifier: Apache-2.0
//
// Making a segment: what its header says, where its memory comes from, and what is refused with which sentence.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lane_test.h"
#include "native/core/layout_signature.h"

namespace gpuspan::testing {
namespace {

// A folder of the test's own, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/gpuspan-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TemporaryFolder() { EXPECT_EQ(system(("rm -rf " + path_).c_str()), 0); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string first_file_name() { return "gpuspan-" + std::to_string(getpid()) + ".segment"; }

std::unique_ptr<Segment> make(const SegmentOptions& options, std::string* error) {
  return Segment::create(options, error);
}

SegmentOptions small(const std::string& directory = "") {
  SegmentOptions options;
  options.lanes = 2;
  options.ring_slots = 64;
  options.directory = directory;
  return options;
}

class SegmentTest : public LaneTest {};

TEST_F(SegmentTest, DescribesItselfInItsHeader) {
  EXPECT_EQ(reader_->value<uint64_t>(0), 0x314e415053555047u);
  EXPECT_EQ(reader_->value<uint32_t>(8), 2u);
  EXPECT_EQ(reader_->value<uint32_t>(12), 0x33e45eb8u);
  EXPECT_EQ(layout_signature(), 0x33e45eb8u);
  EXPECT_EQ(reader_->value<uint64_t>(16), segment_->size());
  EXPECT_EQ(reader_->value<uint32_t>(24), static_cast<uint32_t>(getpid()));
  EXPECT_EQ(reader_->value<uint32_t>(28), static_cast<uint32_t>(segment_->clock().kind()));
  EXPECT_NE(reader_->value<Bytes16>(32), Bytes16{});
  EXPECT_NE(reader_->value<uint64_t>(48), 0u);
  EXPECT_EQ(reader_->value<uint32_t>(56), 4u);
  EXPECT_EQ(reader_->value<uint32_t>(60), 256u);
  EXPECT_GT(reader_->value<uint64_t>(152), 1'000'000u);
  EXPECT_EQ(reader_->value<uint64_t>(1032), 1u);  // one snapshot
  EXPECT_EQ(reader_->value<uint64_t>(112) + 4 * reader_->value<uint64_t>(120), segment_->size());
}

TEST_F(SegmentTest, AppendsSnapshotsWithTimesThatGrow) {
  const Snapshot first = segment_->take_snapshot();
  const Snapshot second = segment_->take_snapshot();
  EXPECT_EQ(reader_->value<uint64_t>(1032), 3u);
  const uint64_t at = reader_->value<uint64_t>(104) + 2 * 40;
  EXPECT_EQ(reader_->value<uint64_t>(at), second.ticks);
  EXPECT_EQ(reader_->value<uint64_t>(at + 8), second.monotonic_ns);
  EXPECT_EQ(reader_->value<int64_t>(at + 16), second.realtime_ns);
  EXPECT_EQ(reader_->value<uint64_t>(at + 24), second.bracket_ns);
  EXPECT_EQ(reader_->value<int64_t>(at + 32), second.boottime_offset_ns);
  EXPECT_GE(second.ticks, first.ticks);
  EXPECT_GE(second.monotonic_ns, first.monotonic_ns);
  EXPECT_GT(second.realtime_ns, 1'600'000'000'000'000'000);
}

TEST_F(SegmentTest, OverwritesTheOldestSnapshotWhenTheHistoryIsFull) {
  for (uint32_t i = 0; i < kSnapshotCapacity; ++i) segment_->take_snapshot();
  EXPECT_EQ(reader_->value<uint64_t>(1032), kSnapshotCapacity + 1u);
  const uint64_t at = reader_->value<uint64_t>(104);
  EXPECT_GT(reader_->value<uint64_t>(at), reader_->value<uint64_t>(at + 40));
}

TEST_F(SegmentTest, ReadsNothingOutsideItself) {
  while (claim() != nullptr) {
  }
  uint8_t byte;
  EXPECT_TRUE(segment_->read(segment_->size() - 1, &byte, 1));
  EXPECT_FALSE(segment_->read(segment_->size(), &byte, 1));
  EXPECT_FALSE(segment_->read(segment_->size() - 1, &byte, 2));
  EXPECT_FALSE(segment_->read(UINT64_MAX, &byte, 2));
  EXPECT_FALSE(segment_->read(1, &byte, UINT64_MAX));
  EXPECT_TRUE(segment_->read(segment_->size(), &byte, 0));
}

TEST_F(SegmentTest, CopiesFromAndToAnyAlignment) {
  std::vector<uint8_t> whole(64);
  ASSERT_TRUE(segment_->read(0, whole.data(), whole.size()));
  for (uint64_t offset = 0; offset < 9; ++offset) {
    for (uint64_t length = 0; length < 20; ++length) {
      std::vector<uint8_t> part(length + 1, 0xaa);
      ASSERT_TRUE(segment_->read(offset, part.data() + 1, length));
      EXPECT_EQ(part[0], 0xaa);
      EXPECT_TRUE(std::equal(part.begin() + 1, part.end(), whole.begin() + static_cast<ptrdiff_t>(offset)));
    }
  }
}

TEST_F(SegmentTest, RefusesOptionsOutOfRangeAndSaysWhichAreGood) {
  std::string error;
  SegmentOptions options = small();
  for (const uint32_t lanes : {0u, 1u, 4096u}) {
    options.lanes = lanes;
    EXPECT_EQ(make(options, &error), nullptr);
    EXPECT_EQ(error, "lanes is " + std::to_string(lanes) + "; set GPUSPAN_LANES to a number from 2 to 4095.");
  }
  options = small();
  for (const uint32_t slots : {0u, 32u, 100u, 1u << 25}) {
    options.ring_slots = slots;
    EXPECT_EQ(make(options, &error), nullptr);
    EXPECT_EQ(error, "ringSlots is " + std::to_string(slots) +
                         "; set GPUSPAN_RING_SLOTS to a power of two from 64 to 16777216.");
  }
}

TEST_F(SegmentTest, MakesAPrivateFileInAPrivateFolder) {
  const TemporaryFolder folder;
  std::string error;
  const auto segment = make(small(folder / "new"), &error);
  ASSERT_NE(segment, nullptr) << error;
  struct stat status;
  ASSERT_EQ(stat((folder / "new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  ASSERT_EQ(stat((folder / ("new/" + first_file_name())).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(static_cast<uint64_t>(status.st_size), segment->size());
  LaneMemory lane;
  EXPECT_TRUE(segment->claim_lane({}, &lane, &error)) << error;
}

TEST_F(SegmentTest, NeverOpensAFileThatExistsNorFollowsALink) {
  const TemporaryFolder folder;
  ASSERT_EQ(symlink((folder / "elsewhere").c_str(), (folder / first_file_name()).c_str()), 0);
  std::string error;
  const auto first = make(small(folder.path()), &error);
  ASSERT_NE(first, nullptr) << error;
  const auto second = make(small(folder.path()), &error);
  ASSERT_NE(second, nullptr) << error;
  EXPECT_NE(access((folder / "elsewhere").c_str(), F_OK), 0);
  EXPECT_EQ(access((folder / ("gpuspan-" + std::to_string(getpid()) + ".1.segment")).c_str(), F_OK), 0);
  EXPECT_EQ(access((folder / ("gpuspan-" + std::to_string(getpid()) + ".2.segment")).c_str(), F_OK), 0);
}

TEST_F(SegmentTest, RefusesAFolderThatOthersMayEnter) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0750), 0);
  std::string error;
  EXPECT_EQ(make(small(folder.path()), &error), nullptr);
  EXPECT_EQ(error, "GPUSPAN_DIR \"" + folder.path() + "\" is open to other users; run: chmod 700 " + folder.path());
}

TEST_F(SegmentTest, RefusesAFolderOfAnotherUser) {
  const TemporaryFolder folder;
  if (geteuid() == 0) {
    ASSERT_EQ(chown(folder.path().c_str(), 12345, 12345), 0);
  }
  std::string error;
  EXPECT_EQ(make(small(geteuid() == 0 ? folder.path() : "/"), &error), nullptr);
  EXPECT_NE(error.find("belongs to another user; name a folder of the user who runs the process."), std::string::npos)
      << error;
}

TEST_F(SegmentTest, RefusesAFolderThatCannotBeMadeOrIsNone) {
  const TemporaryFolder folder;
  std::string error;
  EXPECT_EQ(make(small(folder / "missing/deeper"), &error), nullptr);
  EXPECT_EQ(error, "Cannot create GPUSPAN_DIR \"" + (folder / "missing/deeper") +
                       "\": No such file or directory; name a folder in one that exists and is writable.");
  close(::open((folder / "file").c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_EQ(make(small(folder / "file"), &error), nullptr);
  EXPECT_NE(error.find("Not a directory"), std::string::npos) << error;
}

TEST_F(SegmentTest, SealsItsMemfdAgainstResizing) {
  const auto memfds = [] {
    std::vector<int> found;
    for (int fd = 0; fd < 256; ++fd) {
      if (fcntl(fd, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)) found.push_back(fd);
    }
    return found;
  }();
  ASSERT_EQ(memfds.size(), 1u);
  EXPECT_NE(ftruncate(memfds[0], 4096), 0);
  EXPECT_NE(ftruncate(memfds[0], static_cast<off_t>(segment_->size() + 4096)), 0);
}

}  // namespace
}  // namespace gpuspan::testing
