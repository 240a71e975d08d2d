// SPDX-License-Identifier: Apache-2.0
//
// Configurations: the defaults, the check, and the text form that GPUSPAN_SIM has.
#include "configuration.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace gpuspan::sim {
namespace {

#ifdef GPUSPAN_SIM_OLD
constexpr int kVersion = 11020;
#else
constexpr int kVersion = 13000;
#endif

constexpr int64_t kMaxRatePpb = 100'000'000;  // a tenth: more is no clock
constexpr int64_t kMaxLog = int64_t{1} << 24;
constexpr int kMaxQueueDepth = 1024;
constexpr const char* kFamilies[] = {"fixed", "exponential", "lognormal", "bimodal"};

bool is_probability(double value) { return value >= 0 && value <= 1; }

bool is_valid(const gpuspan_sim_latency& latency) {
  if (latency.family < GPUSPAN_SIM_FIXED || latency.family > GPUSPAN_SIM_BIMODAL) return false;
  if (latency.base_ns < 0 || latency.scale_ns < 0 || !std::isfinite(latency.sigma) || latency.sigma < 0) return false;
  return latency.family != GPUSPAN_SIM_BIMODAL || is_probability(latency.sigma);
}

bool is_valid(const gpuspan_sim_clock& clock) {
  return clock.tick_ns >= 1 && clock.wander_period_ns >= 0 && std::abs(clock.drift_ppb) <= kMaxRatePpb &&
         std::abs(clock.wander_ppb) <= kMaxRatePpb;
}

// One number, the whole text.
template <typename Number>
bool parse_number(const std::string& text, Number* number) {
  char* end = nullptr;
  if constexpr (std::is_same_v<Number, double>) {
    *number = std::strtod(text.c_str(), &end);
  } else if constexpr (std::is_same_v<Number, uint64_t>) {
    *number = std::strtoull(text.c_str(), &end, 10);
  } else {
    *number = static_cast<Number>(std::strtoll(text.c_str(), &end, 10));
  }
  return !text.empty() && *end == 0;
}

// "exponential:2500:1500", "lognormal:0:2000:0.5", "fixed:1000"; a plain number is fixed.
bool parse_latency(const std::string& text, gpuspan_sim_latency* latency) {
  *latency = {};
  if (parse_number(text, &latency->base_ns)) return true;
  std::string parts[4];
  size_t count = 0;
  for (size_t from = 0; count < 4; ++count) {
    const size_t colon = text.find(':', from);
    parts[count] = text.substr(from, colon - from);
    if (colon == std::string::npos) break;
    from = colon + 1;
  }
  for (int family = GPUSPAN_SIM_FIXED; family <= GPUSPAN_SIM_BIMODAL; ++family) {
    if (parts[0] != kFamilies[family]) continue;
    latency->family = family;
    return parse_number(parts[1], &latency->base_ns) && (count < 2 || parse_number(parts[2], &latency->scale_ns)) &&
           (count < 3 || parse_number(parts[3], &latency->sigma));
  }
  return false;
}

bool parse_clock(std::string_view key, const std::string& value, gpuspan_sim_clock* clock) {
  if (key == "offset") return parse_number(value, &clock->offset_ns);
  if (key == "drift") return parse_number(value, &clock->drift_ppb);
  if (key == "wander") return parse_number(value, &clock->wander_ppb);
  if (key == "period") return parse_number(value, &clock->wander_period_ns);
  return key == "tick" && parse_number(value, &clock->tick_ns);
}

// "tick" is every device's, "tick1" that of device 1.
bool parse_clocks(std::string_view key, const std::string& value, gpuspan_sim_config* config) {
  if (const int device = key.empty() ? -1 : key.back() - '0'; device >= 0 && device < GPUSPAN_SIM_MAX_DEVICES) {
    return parse_clock(key.substr(0, key.size() - 1), value, &config->clock[device]);
  }
  for (gpuspan_sim_clock& clock : config->clock) {
    if (!parse_clock(key, value, &clock)) return false;
  }
  return true;
}

bool parse_setting(const std::string& key, const std::string& value, gpuspan_sim_config* config) {
  if (key == "seed") return parse_number(value, &config->seed);
  if (key == "virtual") return parse_number(value, &config->virtual_time);
  if (key == "devices") return parse_number(value, &config->devices);
  if (key == "version") return parse_number(value, &config->driver_version);
  if (key == "queue") return parse_number(value, &config->queue_depth);
  if (key == "reuse") return parse_number(value, &config->reuse_handles);
  if (key == "strict") return parse_number(value, &config->strict_capture);
  if (key == "call") return parse_number(value, &config->call_ns);
  if (key == "record") return parse_number(value, &config->record_ns);
  if (key == "query") return parse_number(value, &config->query_ns);
  if (key == "submit") return parse_latency(value, &config->submit);
  if (key == "complete") return parse_latency(value, &config->complete);
  if (key == "kernel") return parse_latency(value, &config->kernel);
  if (key == "slice") return parse_number(value, &config->slice_probability);
  if (key == "gap") return parse_number(value, &config->slice_gap_ns);
  if (key == "copy") return parse_number(value, &config->copy_bytes_per_us);
  if (key == "log") return parse_number(value, &config->log_capacity);
  return parse_clocks(key, value, config);
}

}  // namespace

bool is_valid(const gpuspan_sim_config& config) {
  for (const gpuspan_sim_clock& clock : config.clock) {
    if (!is_valid(clock)) return false;
  }
  for (const gpuspan_sim_latency* latency : {&config.submit, &config.complete, &config.kernel}) {
    if (!is_valid(*latency)) return false;
  }
  for (const int64_t ns : {config.call_ns, config.record_ns, config.query_ns, config.slice_gap_ns,
                           config.copy_bytes_per_us, config.log_capacity}) {
    if (ns < 0) return false;
  }
  return config.devices >= 0 && config.devices <= GPUSPAN_SIM_MAX_DEVICES && config.queue_depth >= 0 &&
         config.queue_depth <= kMaxQueueDepth && config.log_capacity <= kMaxLog &&
         is_probability(config.slice_probability);
}

gpuspan_sim_config configuration_of_environment() {
  gpuspan_sim_config config;
  gpuspan_sim_defaults(&config);
  const char* text = std::getenv("GPUSPAN_SIM");
  if (text == nullptr) return config;
  if (gpuspan_sim_parse(text, &config) == 0 && is_valid(config)) return config;
  std::fprintf(stderr, "gpuspan_sim: GPUSPAN_SIM=%s makes no sense; see native/sim/README.md\n", text);
  std::abort();
}

}  // namespace gpuspan::sim

extern "C" {

void gpuspan_sim_zero(gpuspan_sim_config* config) {
  std::memset(config, 0, sizeof *config);
  config->seed = 1;
  config->virtual_time = 1;
  config->devices = 1;
  config->driver_version = gpuspan::sim::kVersion;
  config->queue_depth = gpuspan::sim::kMaxQueueDepth;
  config->reuse_handles = 1;
  config->strict_capture = 1;
  for (gpuspan_sim_clock& clock : config->clock) clock.tick_ns = 1;
}

void gpuspan_sim_defaults(gpuspan_sim_config* config) {
  gpuspan_sim_zero(config);
  config->virtual_time = 0;
  config->call_ns = 100;
  config->record_ns = 600;
  config->query_ns = 300;
  config->submit = {GPUSPAN_SIM_EXPONENTIAL, 0, 2500, 1500, 0};
  config->complete = {GPUSPAN_SIM_EXPONENTIAL, 0, 900, 800, 0};
  config->kernel = {GPUSPAN_SIM_LOGNORMAL, 0, 5000, 50'000, 0.5};
  config->slice_gap_ns = 2'100'000;
  config->copy_bytes_per_us = 20'000;
  config->log_capacity = 4096;
  for (int device = 0; device < GPUSPAN_SIM_MAX_DEVICES; ++device) {
    config->clock[device] = {3'000'000'000 * (device + 1), -24'000 + 3000 * device, 300, 60'000'000'000, 500};
  }
}

int gpuspan_sim_parse(const char* text, gpuspan_sim_config* config) {
  const std::string all = text;
  for (size_t from = 0; from < all.size();) {
    const size_t comma = std::min(all.find(',', from), all.size());
    const std::string setting = all.substr(from, comma - from);
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) return -1;
    if (!gpuspan::sim::parse_setting(setting.substr(0, equals), setting.substr(equals + 1), config)) return -1;
    from = comma + 1;
  }
  return 0;
}

}  // extern "C"
