// SPDX-License-Identifier: Apache-2.0
//
// Makes, maps and fills the memory of a segment. Set-up only; system calls and allocation are fine here.
#include "segment_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14; older kernels answer EINVAL
#endif

namespace gpuspan {
namespace {

// A file may hit RLIMIT_FSIZE, which raises SIGXFSZ besides failing with EFBIG. The error is all we want: the
// signal is blocked for this thread and, if our call raised it, taken off again.
class FileSizeSignalBlock {
 public:
  FileSizeSignalBlock() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalBlock() {
    const int cause = errno;
    const timespec no_wait = {0, 0};
    if (!was_pending_) sigtimedwait(&signal_, nullptr, &no_wait);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = cause;
  }
  FileSizeSignalBlock(const FileSizeSignalBlock&) = delete;
  FileSizeSignalBlock& operator=(const FileSizeSignalBlock&) = delete;

 private:
  sigset_t signal_, before_;
  bool was_pending_;
};

std::string cause() { return std::string(strerror(errno)); }

const char* remedy(int cause, bool named) {
  switch (cause) {
    case ENOSPC:
    case EDQUOT:
      return named ? "free space there, lower GPUSPAN_RING_SLOTS, or unset GPUSPAN_DIR"
                   : "raise the memory limit or lower GPUSPAN_RING_SLOTS";
    case EFBIG:
      return "raise the file-size limit (ulimit -f) or lower GPUSPAN_LANES and GPUSPAN_RING_SLOTS";
    case ENOMEM:
      return "raise the memory limit or lower GPUSPAN_LANES and GPUSPAN_RING_SLOTS";
    default:
      return named ? "give GPUSPAN_DIR a folder on a local file system such as /dev/shm" : "see the system's log";
  }
}

bool fail(SegmentMemory* memory, const std::string& directory, std::string what, std::string* error) {
  const int reason = errno;
  *error = std::move(what) + ": " + cause() + "; " + remedy(reason, !memory->path.empty()) + ".";
  if (memory->fd >= 0) close(memory->fd);
  if (!directory.empty() && !memory->path.empty()) unlink(memory->path.c_str());
  *memory = SegmentMemory();
  return false;
}

// The folder's descriptor, or -1. Only the user may list or enter it: a segment shows what the process does.
int open_directory(const std::string& directory, std::string* error) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    *error = "Cannot create GPUSPAN_DIR \"" + directory + "\": " + cause() +
             "; name a folder in one that exists and is writable.";
    return -1;
  }
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    *error = "Cannot open GPUSPAN_DIR \"" + directory + "\": " + cause() +
             "; name a folder that this user may read and write.";
    return -1;
  }
  struct stat status;
  const bool known = fstat(fd, &status) == 0;
  if (!known || status.st_uid != geteuid()) {
    *error =
        "GPUSPAN_DIR \"" + directory + "\" belongs to another user; name a folder of the user who runs the process.";
  } else if ((status.st_mode & 07777 & ~0700u) != 0) {
    *error = "GPUSPAN_DIR \"" + directory + "\" is open to other users; run: chmod 700 " + directory;
  } else {
    return fd;
  }
  close(fd);
  return -1;
}

std::string file_name(int attempt) {
  std::string name("gpuspan-");
  name += std::to_string(getpid());
  if (attempt != 0) name.append(".").append(std::to_string(attempt));
  return name.append(".segment");
}

// gpuspan-<pid>.segment, or with a number where an earlier process of that pid left one behind. Never opens what
// exists and never follows a link.
bool create_file(const std::string& directory, SegmentMemory* memory, std::string* error) {
  const int folder = open_directory(directory, error);
  if (folder < 0) return false;
  constexpr int kAttempts = 100;
  std::string name;
  for (int attempt = 0; attempt < kAttempts && memory->fd < 0; ++attempt) {
    name = file_name(attempt);
    memory->fd = openat(folder, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (memory->fd < 0 && errno != EEXIST) break;
  }
  const int reason = errno;
  close(folder);
  if (memory->fd >= 0) {
    memory->path = directory + "/" + name;
    return true;
  }
  errno = reason;
  *error = "Cannot create \"" + directory + "/" + name + "\": " + cause() +
           (reason == EEXIST ? "; remove the segments that earlier processes left there."
                             : "; name a folder in GPUSPAN_DIR that this user may write to.");
  return false;
}

bool create_memfd(SegmentMemory* memory, std::string* error) {
  memory->fd = memfd_create("gpuspan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory->fd >= 0) return true;
  return fail(memory, "", "Cannot create a memfd for the segment", error);
}

int allocate_by_writing(int fd, uint64_t offset, uint64_t length) {
  static const char zeros[4096] = {};
  while (length != 0) {
    const ssize_t done = pwrite(fd, zeros, std::min<uint64_t>(length, sizeof zeros), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    offset += static_cast<uint64_t>(done);
    length -= static_cast<uint64_t>(done);
  }
  return 0;
}

void populate(uint8_t* base, uint64_t length) {
  if (madvise(base, length, MADV_POPULATE_WRITE) == 0) return;
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (uint64_t at = 0; at < length; at += page) {
    __atomic_fetch_add(base + at, 0, __ATOMIC_RELAXED);  // a write that changes nothing
  }
}

}  // namespace

bool map_segment_memory(const std::string& directory, uint64_t size, SegmentMemory* memory, std::string* error) {
  if (!(directory.empty() ? create_memfd(memory, error) : create_file(directory, memory, error))) return false;
  {
    const FileSizeSignalBlock block;
    if (ftruncate(memory->fd, static_cast<off_t>(size)) != 0) {
      return fail(memory, directory, "Cannot give the segment " + std::to_string(size) + " bytes", error);
    }
  }
  // Nobody may shrink it under a mapping: that would be SIGBUS for the record path.
  if (directory.empty() && fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail(memory, directory, "Cannot seal the segment's memfd", error);
  }
  void* const base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory->fd, 0);
  if (base == MAP_FAILED) {
    return fail(memory, directory, "Cannot map a segment of " + std::to_string(size) + " bytes", error);
  }
  memory->base = static_cast<uint8_t*>(base);
  return true;
}

void unmap_segment_memory(SegmentMemory* memory, uint64_t size, bool remove) {
  if (memory->base != nullptr) munmap(memory->base, size);
  if (memory->fd >= 0) close(memory->fd);
  if (remove && !memory->path.empty()) unlink(memory->path.c_str());
  *memory = SegmentMemory();
}

bool allocate_range(const SegmentMemory& memory, uint64_t offset, uint64_t length, std::string* error) {
  int result;
  {
    const FileSizeSignalBlock block;
    do {
      result = fallocate(memory.fd, 0, static_cast<off_t>(offset), static_cast<off_t>(length));
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EOPNOTSUPP) result = allocate_by_writing(memory.fd, offset, length);
  }
  if (result != 0) {
    const int reason = errno;
    *error = "Cannot allocate " + std::to_string(length) + " bytes " +
             (memory.path.empty() ? std::string("of memory for the segment") : "in \"" + memory.path + "\"") + ": " +
             cause() + "; " + remedy(reason, !memory.path.empty()) + ".";
    return false;
  }
  populate(memory.base + offset, length);
  return true;
}

}  // namespace gpuspan
