// SPDX-License-Identifier: Apache-2.0
//
// gpuspan_truth: simulates random worlds and says how well the estimator did in them. `npm run truth` builds and runs
// it.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "report.h"

namespace gpuspan::truth {
namespace {

constexpr const char* kUsage =
    "usage: gpuspan_truth [--worlds N] [--seed S] [--json FILE] [--plot FILE]\n"
    "  --worlds N   random worlds to simulate, 1 to 1000000 (200)\n"
    "  --seed S     of the first of them (1)\n"
    "  --json FILE  the figures: overall, and of the quiet world in minute 1 and hour 24\n"
    "  --plot FILE  for plots: a day of the quiet world beside a design of one base event, and each world's coverage\n";

struct Options {
  uint64_t worlds = 200;
  uint64_t seed = 1;
  const char* json = nullptr;
  const char* plot = nullptr;
};

bool parse_number(const char* text, uint64_t least, uint64_t most, uint64_t* number) {
  char* end = nullptr;
  errno = 0;
  *number = std::strtoull(text, &end, 10);
  const bool digits = *text >= '0' && *text <= '9' && *end == 0;
  return digits && errno == 0 && *number >= least && *number <= most;
}

bool fail(const char* what, const char* argument) {
  std::fprintf(stderr, "gpuspan_truth: %s: %s\n%s", what, argument, kUsage);
  return false;
}

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; i += 2) {
    const char* name = argv[i];
    const bool is_known = std::strcmp(name, "--worlds") == 0 || std::strcmp(name, "--seed") == 0 ||
                          std::strcmp(name, "--json") == 0 || std::strcmp(name, "--plot") == 0;
    if (!is_known) return fail("unknown option", name);
    if (i + 1 == argc) return fail("a value is missing after", name);
    const char* value = argv[i + 1];
    if (std::strcmp(name, "--json") == 0) options->json = value;
    if (std::strcmp(name, "--plot") == 0) options->plot = value;
    if (std::strcmp(name, "--worlds") == 0 && !parse_number(value, 1, 1'000'000, &options->worlds)) {
      return fail("--worlds is a number from 1 to 1000000, not", value);
    }
    if (std::strcmp(name, "--seed") == 0 && !parse_number(value, 0, UINT64_MAX, &options->seed)) {
      return fail("--seed is a number from 0 to 2^64 - 1, not", value);
    }
  }
  return true;
}

struct WorldLine {
  uint64_t seed;
  std::string text;
  uint64_t stamps;
  double coverage;
  int64_t median_bound_ns;
  double oracle_ratio;
};

void print(const char* name, const Report& report) {
  std::printf(
      "%-14s %9llu stamps  coverage %.5f %%  error p50 %lld p99.9 %lld ns  bound p50 %lld ns  oracle x %.2f  "
      "durations within %lld ns\n",
      name, static_cast<unsigned long long>(report.stamps), 100 * report.coverage(),
      static_cast<long long>(report.errors.quantile(0.5)), static_cast<long long>(report.errors.quantile(0.999)),
      static_cast<long long>(report.bounds.quantile(0.5)), report.worst_oracle_ratio,
      static_cast<long long>(report.worst_duration_error_ns));
}

bool finish(FILE* file, const char* path) {
  const bool written = std::ferror(file) == 0;
  if (std::fclose(file) == 0 && written) return true;
  std::fprintf(stderr, "gpuspan_truth: cannot write %s: %s\n", path, std::strerror(errno));
  return false;
}

FILE* open(const char* path) {
  FILE* file = std::fopen(path, "w");
  if (file == nullptr) std::fprintf(stderr, "gpuspan_truth: cannot open %s: %s\n", path, std::strerror(errno));
  return file;
}

bool write_figures(FILE* file, const char* path, const Report& total, const QuietDay& day) {
  write_json(file, total);
  std::fputs(",\n\"quiet\": {\"minute1\": ", file);
  write_json(file, day.minute_1);
  std::fputs("},\n\"hour24\": ", file);
  write_json(file, day.hour_24);
  std::fputs("}}}\n", file);
  return finish(file, path);
}

bool write_plot(FILE* file, const char* path, const std::vector<WorldLine>& worlds, const QuietDay& day) {
  std::fputs("{\"quietDay\": [", file);
  const char* separator = "\n  ";
  for (const QuietDay::Sample& sample : day.samples) {
    std::fprintf(file, "%s{\"t_s\": %.3f, \"error_ns\": %lld, \"bound_ns\": %lld, \"base_error_ns\": %lld}", separator,
                 sample.at_s, static_cast<long long>(sample.error_ns), static_cast<long long>(sample.bound_ns),
                 static_cast<long long>(sample.base_error_ns));
    separator = ",\n  ";
  }
  std::fputs("],\n\"worlds\": [", file);
  separator = "\n  ";
  for (const WorldLine& world : worlds) {
    std::fprintf(
        file,
        "%s{\"seed\": %llu, \"world\": \"%s\", \"stamps\": %llu, \"coverage\": %.7f, \"median_bound_ns\": %lld, "
        "\"oracle_ratio\": %.3f}",
        separator, static_cast<unsigned long long>(world.seed), world.text.c_str(),
        static_cast<unsigned long long>(world.stamps), world.coverage, static_cast<long long>(world.median_bound_ns),
        world.oracle_ratio);
    separator = ",\n  ";
  }
  std::fputs("]}\n", file);
  return finish(file, path);
}

int run(const Options& options) {
  // Opened first: a run of an hour that cannot be kept is a pity.
  FILE* json = options.json == nullptr ? nullptr : open(options.json);
  FILE* plot = options.plot == nullptr ? nullptr : open(options.plot);
  if ((options.json != nullptr && json == nullptr) || (options.plot != nullptr && plot == nullptr)) return 1;

  std::vector<WorldLine> lines;
  const Report total = play_random_worlds(options.worlds, options.seed, [&](const World& world, const Report& report) {
    lines.push_back({world.seed, describe(world), report.stamps, report.coverage(), report.bounds.quantile(0.5),
                     report.oracle_ratio()});
  });
  const QuietDay day = play_quiet_day(options.seed);
  std::printf("%llu worlds from seed %llu; all of it simulated\n", static_cast<unsigned long long>(total.worlds),
              static_cast<unsigned long long>(options.seed));
  print("all worlds", total);
  print("quiet, min 1", day.minute_1);
  print("quiet, hour 24", day.hour_24);
  std::printf("outside their bound: %llu, unexplained %llu; widest against the oracle: %s\n",
              static_cast<unsigned long long>(total.outside), static_cast<unsigned long long>(total.unexplained),
              total.worst_oracle_world.c_str());
  bool written = true;
  if (json != nullptr) written = write_figures(json, options.json, total, day);
  if (plot != nullptr) written = write_plot(plot, options.plot, lines, day) && written;
  return written ? 0 : 1;
}

}  // namespace
}  // namespace gpuspan::truth

int main(int argc, char** argv) {
  gpuspan::truth::Options options;
  if (!gpuspan::truth::parse(argc, argv, &options)) return 2;
  return gpuspan::truth::run(options);
}
