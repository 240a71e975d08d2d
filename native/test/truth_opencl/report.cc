// SPDX-License-Identifier: Apache-2.0
//
// Formats the findings.
#include "report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

namespace gpuspan::truth {
namespace {

void print_spread(const char* what, const Spread& spread) {
  std::printf("  %-28s p50 %9.2f us   p99 %9.2f us   max %9.2f us\n", what, static_cast<double>(spread.p50) / 1e3,
              static_cast<double>(spread.p99) / 1e3, static_cast<double>(spread.max) / 1e3);
}

double percent(uint64_t part, size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= ' ') out += c;
  }
  return out + "\"";
}

std::string json(const Spread& spread) {
  return "{\"p50\": " + std::to_string(spread.p50) + ", \"p99\": " + std::to_string(spread.p99) +
         ", \"max\": " + std::to_string(spread.max) + "}";
}

}  // namespace

void print_report(const RunFacts& facts, const Findings& findings) {
  const size_t count = findings.slices.size();
  std::printf("truth: %s\n", facts.device.c_str());
  std::printf("  %zu kernels in %.2f minutes, %d queues, %d threads, seed %llu; CPU time %.1f s\n", count,
              findings.seconds / 60, facts.queues, facts.threads, static_cast<unsigned long long>(facts.seed),
              facts.cpu_seconds);
  std::printf("  device idle for more than 3 s: %llu times, at most %.1f s\n",
              static_cast<unsigned long long>(findings.idle_gaps_over_3s), findings.longest_idle_s);
  std::printf("  within bound: %.4f %% of starts, %.4f %% of ends; largest |error| / bound %.3f; clamped %llu\n",
              percent(findings.starts_within, count), percent(findings.ends_within, count), findings.closest,
              static_cast<unsigned long long>(findings.clamped));
  print_spread("error (worse end)", findings.error_ns);
  print_spread("bound", findings.bound_ns);
  print_spread("error of the duration", findings.duration_ns);
  print_spread("truth known within", findings.truth_ns);
  std::printf("  the device's clock is CLOCK_MONOTONIC_RAW; CLOCK_MONOTONIC ran %+.3f ppm against it (%zu looks)\n",
              facts.drift_ppm, facts.looks);
  for (const std::string& sentence : findings.wrong) std::printf("truth: WRONG: %s\n", sentence.c_str());
  std::printf("truth: %s\n", findings.wrong.empty() ? "every check passed" : "FAILED");
}

bool write_json(const char* path, const RunFacts& facts, const Findings& findings) {
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) return false;
  utsname system{};
  uname(&system);
  std::fprintf(file, "{\n  \"command\": %s,\n", quoted(facts.command).c_str());
  std::fprintf(file, "  \"device\": %s,\n  \"kernel\": %s,\n  \"cores\": %ld,\n", quoted(facts.device).c_str(),
               quoted(std::string(system.sysname) + " " + system.release).c_str(), sysconf(_SC_NPROCESSORS_ONLN));
  std::fprintf(file, "  \"kernels\": %zu,\n  \"seconds\": %.1f,\n  \"queues\": %d,\n  \"threads\": %d,\n",
               findings.slices.size(), findings.seconds, facts.queues, facts.threads);
  std::fprintf(file, "  \"seed\": %llu,\n  \"cpu_seconds\": %.1f,\n", static_cast<unsigned long long>(facts.seed),
               facts.cpu_seconds);
  std::fprintf(file, "  \"idle_gaps_over_3s\": %llu,\n  \"longest_idle_s\": %.1f,\n",
               static_cast<unsigned long long>(findings.idle_gaps_over_3s), findings.longest_idle_s);
  std::fprintf(file, "  \"starts_within\": %llu,\n  \"ends_within\": %llu,\n  \"clamped\": %llu,\n",
               static_cast<unsigned long long>(findings.starts_within),
               static_cast<unsigned long long>(findings.ends_within),
               static_cast<unsigned long long>(findings.clamped));
  std::fprintf(file, "  \"largest_error_of_bound\": %.4f,\n  \"drift_ppm\": %.4f,\n", findings.closest,
               facts.drift_ppm);
  std::fprintf(file, "  \"error_ns\": %s,\n  \"bound_ns\": %s,\n", json(findings.error_ns).c_str(),
               json(findings.bound_ns).c_str());
  std::fprintf(file, "  \"duration_error_ns\": %s,\n  \"truth_ns\": %s,\n", json(findings.duration_ns).c_str(),
               json(findings.truth_ns).c_str());
  std::fprintf(file, "  \"wrong\": [");
  for (size_t i = 0; i < findings.wrong.size(); ++i) {
    std::fprintf(file, "%s%s", i == 0 ? "" : ", ", quoted(findings.wrong[i]).c_str());
  }
  std::fprintf(file, "]\n}\n");
  return std::fclose(file) == 0;
}

}  // namespace gpuspan::truth
