// SPDX-License-Identifier: Apache-2.0
//
// The reader's side from JavaScript: lease, copies out of the segment, positions, the flush hand-shake. Called by the
// delivery worker or an inline drain, never on a record path. Without a segment everything answers "nothing there".
#include "../process/background.h"
#include "arguments.h"

namespace gpuspan {
namespace {

// A number that names an environment: an integer from 1 to 2^53.
bool read_environment(const Napi::Value& value, uint64_t* environment) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 1 && number <= 9007199254740991.0)) return false;
  *environment = static_cast<uint64_t>(number);
  return static_cast<double>(*environment) == number;
}

bool read_count(const Napi::Value& value, uint64_t* count) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number <= 9007199254740991.0)) return false;
  *count = static_cast<uint64_t>(number);
  return true;
}

Napi::Value bad_environment(Napi::Env env) {
  return fail(env, kBadArgument, "an environment id is an integer above 0");
}

Napi::Value lease_acquire(const Napi::CallbackInfo& call, Environment&) {
  uint64_t environment;
  if (!read_environment(call[0], &environment)) return bad_environment(call.Env());
  Segment* segment = Process::get().segment();
  const bool acquired = segment != nullptr && segment->acquire_lease(environment);
  if (acquired) {
    // What was given up for want of a reader has one now.
    segment->header().no_reader.store(0, std::memory_order_relaxed);
    Process::get().set_last_words({});
  }
  return Napi::Boolean::New(call.Env(), acquired);
}

Napi::Value lease_transfer(const Napi::CallbackInfo& call, Environment&) {
  uint64_t from, to;
  if (!read_environment(call[0], &from) || !read_environment(call[1], &to)) return bad_environment(call.Env());
  Segment* segment = Process::get().segment();
  return Napi::Boolean::New(call.Env(), segment != nullptr && segment->transfer_lease(from, to));
}

Napi::Value lease_release(const Napi::CallbackInfo& call, Environment&) {
  uint64_t environment;
  if (!read_environment(call[0], &environment)) return bad_environment(call.Env());
  if (Segment* segment = Process::get().segment()) segment->release_lease(environment);
  return call.Env().Undefined();
}

Napi::Value lease_holder(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  return Napi::Number::New(call.Env(), segment == nullptr ? 0 : static_cast<double>(segment->lease_holder()));
}

Napi::Value segment_bytes(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  return Napi::Number::New(call.Env(), segment == nullptr ? 0 : static_cast<double>(segment->size()));
}

// read(offset, length, into): raw, because a reader calls it for every few slots.
napi_value read(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  double offset = -1, length = -1;
  napi_typedarray_type type;
  size_t elements = 0;
  void* data = nullptr;
  Segment* segment = Process::get().segment();
  const bool read = segment != nullptr && napi_get_value_double(env, values[0], &offset) == napi_ok &&
                    napi_get_value_double(env, values[1], &length) == napi_ok &&
                    napi_get_typedarray_info(env, values[2], &type, &elements, &data, nullptr, nullptr) == napi_ok &&
                    type == napi_uint8_array && offset >= 0 && offset <= 9007199254740991.0 && length >= 0 &&
                    length <= static_cast<double>(elements) &&
                    segment->read(static_cast<uint64_t>(offset), data, static_cast<uint64_t>(length));
  napi_value result = nullptr;
  napi_get_boolean(env, read, &result);
  return result;
}

Napi::Value snapshot(const Napi::CallbackInfo& call, Environment&) {
  if (Segment* segment = Process::get().segment()) segment->take_snapshot();
  return call.Env().Undefined();
}

Napi::Value advance(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  uint64_t lane, low, high, slices, owners;
  const bool advanced = segment != nullptr && read_count(call[0], &lane) && read_count(call[1], &low) &&
                        read_count(call[2], &high) && read_count(call[3], &slices) && read_count(call[4], &owners) &&
                        lane < segment->header().lanes && low <= UINT32_MAX && high <= UINT32_MAX &&
                        segment->advance(static_cast<uint32_t>(lane), high << 32 | low, slices, owners);
  return Napi::Boolean::New(call.Env(), advanced);
}

// delivered, held, owners delivered, then lost by ReaderLoss, then owners lost.
Napi::Value publish_reader(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  if (!call[0].IsTypedArray() || call[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    return fail(call.Env(), kBadArgument, "publishReader takes a Float64Array");
  }
  if (segment == nullptr) return call.Env().Undefined();
  const auto values = call[0].As<Napi::Float64Array>();
  ReaderAccount& account = segment->header().reader;
  constexpr size_t kReasons = std::size(ReaderAccount{}.lost);
  std::atomic<uint64_t>* fields[kReasons + 4] = {&account.delivered, &account.held, &account.owners_delivered};
  for (size_t i = 0; i < kReasons; ++i) fields[3 + i] = &account.lost[i];
  fields[3 + kReasons] = &account.owners_lost;
  for (size_t i = 0; i < values.ElementLength() && i < std::size(fields); ++i) {
    const double value = values[i];
    const auto count = value >= 0 && value <= 9007199254740991.0 ? static_cast<uint64_t>(value) : 0;
    fields[i]->store(count, std::memory_order_relaxed);
  }
  return call.Env().Undefined();
}

Napi::Value background(const Napi::CallbackInfo& call, Environment&) {
  return Napi::Boolean::New(call.Env(), run_in_background());
}

Napi::Value flush_request(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  return Napi::Number::New(call.Env(), segment == nullptr ? 0 : segment->request_flush());
}

Napi::Value flush_requested(const Napi::CallbackInfo& call, Environment&) {
  // Asked in every turn of a reader, which is who wants an idle resolver to wake.
  if (Gpu* gpu = Process::get().gpu_if_open()) gpu->nudge();
  Segment* segment = Process::get().segment();
  return Napi::Number::New(call.Env(), segment == nullptr ? 0 : segment->flush_requested());
}

bool read_ticket(const Napi::CallbackInfo& call, uint32_t* ticket) {
  return napi_get_value_uint32(call.Env(), call[0], ticket) == napi_ok;
}

Napi::Value flush_done(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  uint32_t ticket;
  if (!read_ticket(call, &ticket)) return fail(call.Env(), kBadArgument, "flushDone takes a ticket");
  if (segment != nullptr) segment->flush_done(ticket);
  return call.Env().Undefined();
}

Napi::Value flush_wait(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  uint32_t ticket;
  uint64_t timeout_millis;
  if (!read_ticket(call, &ticket) || !read_count(call[1], &timeout_millis) || timeout_millis > INT32_MAX) {
    return fail(call.Env(), kBadArgument, "flushWait takes a ticket and milliseconds from 0 to 2^31 - 1");
  }
  const bool done = segment == nullptr || segment->wait_flushed(ticket, static_cast<uint32_t>(timeout_millis));
  return Napi::Boolean::New(call.Env(), done);
}

constexpr Binding kBindings[] = {
    {"leaseAcquire", setup<lease_acquire>},
    {"leaseTransfer", setup<lease_transfer>},
    {"leaseRelease", setup<lease_release>},
    {"leaseHolder", setup<lease_holder>},
    {"segmentBytes", setup<segment_bytes>},
    {"read", read},
    {"snapshot", setup<snapshot>},
    {"advance", setup<advance>},
    {"publishReader", setup<publish_reader>},
    {"background", setup<background>},
    {"flushRequest", setup<flush_request>},
    {"flushRequested", setup<flush_requested>},
    {"flushDone", setup<flush_done>},
    {"flushWait", setup<flush_wait>},
};

}  // namespace

std::span<const Binding> reader_bindings() { return kBindings; }

}  // namespace gpuspan
