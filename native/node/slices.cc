// SPDX-License-Identifier: Apache-2.0
//
// Record path: slices, events and batches from JavaScript. Each function decodes a few integers and calls
// the recorder of its thread, which checks owners and tokens; what cannot be recorded is a counted loss.
#include "arguments.h"

namespace gpuspan {
namespace {

napi_value begin(napi_env env, napi_callback_info info) {
  const Arguments<1> call(env, info);
  Recorder* recorder = call.recorder();
  int32_t where;
  if (recorder != nullptr && call.integer(0, &where) && call.producer().names_entry(stage_of(where))) [[likely]] {
    return call.number(recorder->begin(owner_of(where), stage_of(where)));
  }
  call.producer().lose(Loss::kInvalid);
  return call.number(0);
}

napi_value begin_placed(napi_env env, napi_callback_info info) {
  const PlacedArguments call(env, info);
  Recorder* recorder = call.recorder();
  if (recorder != nullptr && call.producer().names_entry(stage_of(call.value()))) [[likely]] {
    const int32_t where = call.value();
    call.answer(recorder->begin(owner_of(where), stage_of(where)));
  } else {
    call.producer().lose(Loss::kInvalid);
    call.answer_nothing();
  }
  return nullptr;
}

napi_value begin_under(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Recorder* recorder = call.recorder();
  int32_t where;
  Token parent;
  if (recorder != nullptr && call.integer(0, &where) && call.token_or_none(1, &parent) &&
      call.producer().names_entry(stage_of(where))) [[likely]] {
    return call.number(recorder->begin(owner_of(where), stage_of(where), parent));
  }
  call.producer().lose(Loss::kInvalid);
  return call.number(0);
}

napi_value end(napi_env env, napi_callback_info info) {
  const Arguments<1> call(env, info);
  Recorder* recorder = call.recorder();
  Token token;
  if (recorder != nullptr && call.token(0, &token)) [[likely]] {
    recorder->end(token);
  } else {
    call.producer().lose(Loss::kStale);
  }
  return nullptr;
}

napi_value end_placed(napi_env env, napi_callback_info info) {
  const PlacedArguments call(env, info);
  Recorder* recorder = call.recorder();
  if (recorder != nullptr && call.value() > 0) [[likely]] {
    recorder->end(static_cast<Token>(call.value()), call.payload());
  } else {
    call.producer().lose(Loss::kStale);
  }
  return nullptr;
}

napi_value next_placed(napi_env env, napi_callback_info info) {
  const PlacedArguments call(env, info);
  Recorder* recorder = call.recorder();
  if (recorder != nullptr && call.value() >= 0 && call.producer().names_entry(call.stage())) [[likely]] {
    call.answer(recorder->next(static_cast<Token>(call.value()), call.stage(), call.payload()));
  } else {
    call.producer().lose(Loss::kInvalid);
    call.answer_nothing();
  }
  return nullptr;
}

napi_value annotate(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Recorder* recorder = call.recorder();
  Token token;
  Payload payload;
  if (recorder != nullptr && call.token_or_none(0, &token) && call.payload(1, &payload)) {
    if (token != 0) recorder->annotate(token, payload);
  } else {
    call.producer().lose(Loss::kStale);
  }
  return nullptr;
}

napi_value record(napi_env env, napi_callback_info info) {
  const Arguments<4> call(env, info);
  Recorder* recorder = call.recorder();
  int32_t where;
  uint64_t start, end;
  Payload payload;
  if (recorder != nullptr && call.integer(0, &where) && call.producer().names_entry(stage_of(where)) &&
      call.big(1, &start) && call.big(2, &end) && call.payload(3, &payload)) {
    recorder->record(owner_of(where), stage_of(where), start, end, payload);
  } else {
    call.producer().lose(Loss::kInvalid);
  }
  return nullptr;
}

// Records the event that the first three arguments of either function tell.
template <size_t N>
napi_value record_event(const Arguments<N>& call, const EventPlace& place) noexcept {
  Recorder* recorder = call.recorder();
  int32_t where, count;
  Payload payload;
  if (recorder != nullptr && call.integer(0, &where) && call.producer().names_entry(stage_of(where)) &&
      call.payload(1, &payload) && call.integer(2, &count) && count >= 0 && count <= 255) {
    recorder->event(owner_of(where), stage_of(where), payload, static_cast<uint8_t>(count), place);
  } else {
    call.producer().lose(Loss::kInvalid);
  }
  return nullptr;
}

napi_value event(napi_env env, napi_callback_info info) { return record_event(Arguments<3>(env, info), {}); }

napi_value event_at(napi_env env, napi_callback_info info) {
  const Arguments<5> call(env, info);
  EventPlace place;
  if (!call.token_or_none(3, &place.slice)) {
    call.producer().lose(Loss::kStale);
    return nullptr;
  }
  place.timed = call.big(4, &place.time_ns);  // anything else: now
  return record_event(call, place);
}

napi_value lose(napi_env env, napi_callback_info info) {
  const Arguments<1> call(env, info);
  int32_t reason;
  const bool known = call.integer(0, &reason) && reason >= 0 && reason <= static_cast<int32_t>(Loss::kInvalid);
  call.producer().lose(known ? static_cast<Loss>(reason) : Loss::kInvalid);
  return nullptr;
}

constexpr Binding kBindings[] = {
    {"begin", begin},
    {"beginPlaced", begin_placed},
    {"beginUnder", begin_under},
    {"end", end},
    {"endPlaced", end_placed},
    {"nextPlaced", next_placed},
    {"annotate", annotate},
    {"record", record},
    {"event", event},
    {"eventAt", event_at},
    {"lose", lose},
};

}  // namespace

std::span<const Binding> slice_bindings() { return kBindings; }

}  // namespace gpuspan
