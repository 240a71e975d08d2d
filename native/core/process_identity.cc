// SPDX-License-Identifier: Apache-2.0
//
// Reads /proc for the header of a segment. Set-up only.
#include "process_identity.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace gpuspan {
namespace {

// The start of a small file, terminated; empty when it cannot be read.
template <size_t kSize>
void read_start(const char* path, char (&text)[kSize]) noexcept {
  text[0] = '\0';
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = read(fd, text, kSize - 1);
  text[got > 0 ? got : 0] = '\0';
  close(fd);
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void read_boot_id(uint8_t (&id)[16]) noexcept {
  char text[64];
  read_start("/proc/sys/kernel/random/boot_id", text);
  size_t digits = 0;
  for (const char* at = text; *at != '\0' && digits < 2 * sizeof id; ++at) {
    const int digit = hex_digit(*at);
    if (digit < 0) continue;  // the dashes of a UUID
    id[digits / 2] = static_cast<uint8_t>(id[digits / 2] << 4 | digit);
    ++digits;
  }
}

// Field 22 of /proc/self/stat. The command name before it may hold spaces and parentheses, so count from its end.
uint64_t read_process_start() noexcept {
  char text[1024];
  read_start("/proc/self/stat", text);
  const char* at = strrchr(text, ')');
  constexpr int kFieldsAfterName = 20;
  for (int field = 0; at != nullptr && field < kFieldsAfterName; ++field) {
    at = strchr(at + 1, ' ');
  }
  return at == nullptr ? 0 : strtoull(at + 1, nullptr, 10);
}

}  // namespace

void identify_process(SegmentHeader* header) noexcept {
  header->pid = static_cast<uint32_t>(getpid());
  read_boot_id(header->boot_id);
  header->process_start = read_process_start();
}

}  // namespace gpuspan
