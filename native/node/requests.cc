// SPDX-License-Identifier: Apache-2.0
//
// Record path: requests and batches from JavaScript. Ids travel through the scratch memory (SCRATCH in lib/native.ts),
// so no call allocates more than its number. A refused request or batch is counted among the owners, not the slices.
#include "arguments.h"

namespace gpuspan {
namespace {

void write_request(Environment& environment, const Recorder& recorder, uint16_t request) noexcept {
  const OpenRequest& entry = recorder.request(request);
  environment.set_scratch(scratch::kTraceId, entry.trace_id);
  environment.set_scratch(scratch::kRoot, entry.root_span_id);
  environment.set_scratch(scratch::kHandle, recorder.handle(request));
  environment.set_scratch(scratch::kSpan, entry.worker_span_id);
}

// What requestStart and requestAdopt return before anything else when level or modules were changed since this
// environment last followed them: TypeScript does, and asks again. Mirrored by ASK_AGAIN in lib/native.ts.
constexpr uint32_t kAskAgain = 0xfffd;

// Added to the level: the parent is a span of this process. Mirrored by LOCAL_PARENT in lib/native.ts.
constexpr int32_t kLocalParent = 0x100;

bool is_level(int32_t level) noexcept { return level >= 1 && level <= 4; }

napi_value request_start(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  if (call.environment().settings_changed()) [[unlikely]]
    return call.number(kAskAgain);
  Recorder* recorder = call.recorder();
  int32_t level;
  Payload payload;
  uint16_t request = kNone;
  if (recorder != nullptr && call.integer(0, &level) && is_level(level & ~kLocalParent) && call.payload(1, &payload)) {
    RequestOrigin origin;
    origin.remote_parent = (level & kLocalParent) == 0;
    origin.trace_id = call.environment().scratch_at<TraceId>(scratch::kTraceId);
    origin.parent = call.environment().scratch_at<uint64_t>(scratch::kParent);
    origin.level = static_cast<uint8_t>(level);
    request = recorder->start_request(origin, payload);
    if (request != kNone) write_request(call.environment(), *recorder, request);
  } else {
    call.producer().lose_owner(Loss::kInvalid);
  }
  return call.number(request);
}

napi_value request_adopt(napi_env env, napi_callback_info info) {
  const Arguments<1> call(env, info);
  if (call.environment().settings_changed()) [[unlikely]]
    return call.number(kAskAgain);
  Recorder* recorder = call.recorder();
  int32_t level;
  uint16_t request = kNone;
  if (recorder != nullptr && call.integer(0, &level) && is_level(level)) {
    RequestOrigin origin;
    origin.trace_id = call.environment().scratch_at<TraceId>(scratch::kTraceId);
    origin.root_span_id = call.environment().scratch_at<uint64_t>(scratch::kRoot);
    origin.previous = call.environment().scratch_at<uint64_t>(scratch::kPrevious);
    origin.level = static_cast<uint8_t>(level);
    // A carrier without a root would make adopt_request start one; TypeScript checks carriers, this is the backstop.
    if (origin.root_span_id != 0) {
      request = recorder->adopt_request(origin, HeldBy::kIndex);
    } else {
      recorder->lose_owner(Loss::kInvalid);
    }
    if (request != kNone) write_request(call.environment(), *recorder, request);
  } else {
    call.producer().lose_owner(Loss::kInvalid);
  }
  return call.number(request);
}

// Reads (request, bytes) for the functions below: kNone when there is nothing to do, after counting it.
uint16_t read_request(const Arguments<2>& call, Payload* payload) noexcept {
  int32_t request;
  if (call.recorder() == nullptr || !call.integer(0, &request) || request < 0 ||
      request >= static_cast<int32_t>(kRequestCapacity)) {
    call.producer().lose_owner(Loss::kStale);
    return kNone;
  }
  call.payload(1, payload);  // out of range: none
  return static_cast<uint16_t>(request);
}

napi_value request_leave(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Payload payload;
  const uint16_t request = read_request(call, &payload);
  if (request != kNone) call.recorder()->leave(request, payload);
  return nullptr;
}

napi_value request_finish(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Payload payload;
  const uint16_t request = read_request(call, &payload);
  if (request != kNone) call.recorder()->finish(request, payload);
  return nullptr;
}

napi_value request_link(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Payload payload;
  const uint16_t request = read_request(call, &payload);
  const uint64_t link = request == kNone ? 0 : call.recorder()->link_for_carrier(request);
  call.environment().set_scratch(scratch::kPrevious, link);
  return nullptr;
}

// (request, token): where a child of another library would hang; see Recorder::position.
napi_value request_span(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  int32_t request;
  Token token = 0;
  uint64_t span = 0;
  if (call.recorder() != nullptr && call.integer(0, &request) && request >= 0 && request <= 0xffff) {
    call.token(1, &token);
    span = call.recorder()->position(static_cast<uint16_t>(request), token);
  }
  call.environment().set_scratch(scratch::kSpan, span);
  return nullptr;
}

// Attributes for a span that is not a slice: no slice is lost with them, so a refusal counts none.
bool read_annotation(const Arguments<2>& call, uint16_t* owner, Payload* payload) noexcept {
  int32_t value;
  if (call.recorder() == nullptr || !call.integer(0, &value) || value < 0 || value > 0xffff ||
      !call.payload(1, payload)) {
    call.producer().lose_owner(Loss::kInvalid);
    return false;
  }
  *owner = static_cast<uint16_t>(value);
  return true;
}

napi_value annotate_root(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  uint16_t owner;
  Payload payload;
  if (!read_annotation(call, &owner, &payload)) return nullptr;
  if ((owner & kBatchFlag) != 0) {
    call.recorder()->annotate_worker(owner, payload);
  } else {
    call.recorder()->annotate_root(owner, payload);
  }
  return nullptr;
}

napi_value annotate_worker(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  uint16_t owner;
  Payload payload;
  if (read_annotation(call, &owner, &payload)) call.recorder()->annotate_worker(owner, payload);
  return nullptr;
}

// The member indices come first, then the payload: both within the scratch memory.
bool read_batch(const Arguments<2>& call, uint32_t* count, Payload* payload) noexcept {
  int32_t members, bytes;
  if (call.recorder() == nullptr || !call.integer(0, &members) || !call.integer(1, &bytes) || members < 1 ||
      members > static_cast<int32_t>(kMaxBatchMembers)) {
    return false;
  }
  *count = static_cast<uint32_t>(members);
  if (!call.environment().payload(bytes, scratch::kPayload + 2 * *count, payload)) return false;
  for (uint32_t i = 0; i < *count; ++i) {
    if (call.environment().scratch_at<uint16_t>(scratch::kPayload + 2 * i) >= kRequestCapacity) return false;
  }
  return true;
}

// What batchDefine returns, with nothing counted, when members were closed as forgotten: their places in the list hold
// kNone then. Mirrored by MEMBERS_GONE in lib/native.ts.
constexpr uint32_t kMembersGone = 0xfffe;

bool mark_gone(Environment& environment, const Recorder& recorder, const uint16_t* members, uint32_t count) noexcept {
  bool any = false;
  for (uint32_t i = 0; i < count; ++i) {
    if (recorder.request(members[i]).state == kStateOpen) continue;
    environment.set_scratch(scratch::kPayload + 2 * i, kNone);
    any = true;
  }
  return any;
}

napi_value batch_define(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  Environment& environment = call.environment();
  uint32_t count;
  Payload payload;
  if (!read_batch(call, &count, &payload)) {
    call.producer().lose_owner(Loss::kInvalid);
    return call.number(kNone);
  }
  const auto* members = reinterpret_cast<const uint16_t*>(environment.scratch() + scratch::kPayload);
  Recorder& recorder = *call.recorder();
  if (mark_gone(environment, recorder, members, count)) [[unlikely]]
    return call.number(kMembersGone);
  const uint16_t batch = recorder.define_batch(members, count, payload);
  if (batch == kNone) return call.number(kNone);
  const uint16_t index = batch & ~kBatchFlag;
  const OpenBatch& entry = recorder.lane().batches[index];
  environment.set_scratch(scratch::kTraceId, entry.trace_id);
  environment.set_scratch(scratch::kHandle, recorder.handle(index | kBatchFlag));
  environment.set_scratch(scratch::kSpan, entry.span_id);
  return call.number(index);
}

napi_value batch_end(napi_env env, napi_callback_info info) {
  const Arguments<2> call(env, info);
  int32_t batch;
  if (call.recorder() == nullptr || !call.integer(0, &batch) || batch < 0 ||
      batch >= static_cast<int32_t>(kBatchCapacity)) {
    call.producer().lose_owner(Loss::kStale);
    return nullptr;
  }
  Payload payload;
  call.payload(1, &payload);
  call.recorder()->end_batch(static_cast<uint16_t>(batch), payload);
  return nullptr;
}

constexpr Binding kBindings[] = {
    {"requestStart", request_start},   {"requestAdopt", request_adopt},     {"requestLeave", request_leave},
    {"requestFinish", request_finish}, {"requestLink", request_link},       {"requestSpan", request_span},
    {"annotateRoot", annotate_root},   {"annotateWorker", annotate_worker}, {"batchDefine", batch_define},
    {"batchEnd", batch_end},
};

}  // namespace

std::span<const Binding> request_bindings() { return kBindings; }

}  // namespace gpuspan
