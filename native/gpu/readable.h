// SPDX-License-Identifier: Apache-2.0
//
// Whether memory may be read, asked of the kernel: a stream handle is a number from outside and may be anything.
#ifndef GPUSPAN_GPU_READABLE_H_
#define GPUSPAN_GPU_READABLE_H_

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace gpuspan {

// Copies `bytes` (at most PIPE_BUF) from `address` through a pipe: the kernel says EFAULT where a load would be a
// SIGSEGV. (process_vm_readv does the same but is refused in many containers.) The call is made directly because
// AddressSanitizer's write would report the very address that is in question. False when it cannot be read.
inline bool read_memory(uint64_t address, void* into, size_t bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  const auto wanted = static_cast<ssize_t>(bytes);
  const bool read_it = syscall(SYS_write, ends[1], address, bytes) == wanted && read(ends[0], into, bytes) == wanted;
  close(ends[0]);
  close(ends[1]);
  return read_it;
}

}  // namespace gpuspan

#endif  // GPUSPAN_GPU_READABLE_H_
