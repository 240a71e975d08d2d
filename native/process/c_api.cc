// SPDX-License-Identifier: Apache-2.0
//
// The functions behind gpuspan.h, but for those of c_details.cc. Any thread of the process calls them, with whatever it
// has; the calling thread's producer decides what they do. Only `adopt`, and the first use of a stage, key or stream on
// a thread, leave the record path. Misuse (another thread's token, a stale or made-up handle) is a counted loss.
#include "c_api.h"

#include <dlfcn.h>

#include <bit>

#include "attribute_items.h"
#include "c_details.h"
#include "native_thread.h"
#include "place.h"

namespace gpuspan {
namespace {

bool is_batch(uint16_t owner) noexcept { return (owner & kBatchFlag) != 0; }

gpuspan_request adopt(uint64_t handle) {
  Segment* segment = Process::get().segment();
  if (segment == nullptr || handle_level(handle) < 0) return 0;
  Producer* producer = current_or_claimed_producer();
  Recorder* recorder = producer == nullptr ? nullptr : producer->recorder();
  if (recorder == nullptr) {
    if (producer != nullptr) producer->lose_owner(Loss::kClosed);
    return 0;
  }
  uint16_t owner = recorder->resolve(handle);
  if (owner != kNone) {  // this thread's own: nothing to continue, only to count
    recorder->share(owner);
    return handle;
  }
  if (is_batch(handle_owner(handle))) {
    owner = recorder->adopt_batch(*segment, handle);
    if (owner != kNone) owner |= kBatchFlag;
  } else {
    RequestOrigin origin;
    if (Recorder::read_request(*segment, handle, &origin)) {
      owner = recorder->adopt_request(origin);
    } else {
      producer->lose_owner(Loss::kStale);
    }
  }
  if (owner == kNone) return 0;
  const Handle adopted = recorder->handle(owner);
  producer->mark_adopted(adopted);
  return adopted;
}

int start_thread(const char* label) {
  Producer* producer = current_or_claimed_producer(label);
  return producer != nullptr && producer->recorder() != nullptr ? 1 : 0;
}

void leave(gpuspan_request request) {
  Producer* producer = Producer::current();
  Recorder* recorder = producer == nullptr ? nullptr : producer->recorder();
  const uint16_t owner = recorder == nullptr ? kNone : recorder->resolve(request);
  if (owner == kNone) {
    if (producer != nullptr) producer->lose_owner(Loss::kStale);
    return;
  }
  if (recorder->unshare(owner)) return;
  if (!producer->adopted(request)) {  // one leave too many must not end what JavaScript holds
    producer->lose_owner(Loss::kStale);
    return;
  }
  producer->clear_adopted(request);
  if (is_batch(owner)) {
    recorder->end_batch(owner & ~kBatchFlag);
  } else {
    recorder->leave(owner, {});
  }
}

[[gnu::noinline]] gpuspan_token begin_anywhere(gpuspan_stage* stage, gpuspan_request request) noexcept {
  const Place place = find_place(stage, request);
  return place.recorder == nullptr ? 0 : place.recorder->begin(place.owner, place.stage);
}

// The common case, a request and a stage in use, has no call before the recorder's and so nothing to save.
gpuspan_token begin(gpuspan_stage* stage, gpuspan_request request) {
  Producer* const producer = Producer::current();
  if (producer != nullptr && producer->recorder() != nullptr) [[likely]] {
    const uint16_t id = __atomic_load_n(&stage->id, __ATOMIC_ACQUIRE);
    if (is_registered(id) && producer->gate(id) <= handle_level(request) && producer->holds_request(request))
        [[likely]] {
      return producer->recorder()->begin(handle_owner(request), id);
    }
  }
  return begin_anywhere(stage, request);
}

gpuspan_token begin_under(gpuspan_stage* stage, gpuspan_request request, gpuspan_token parent) {
  const Place place = find_place(stage, request);
  return place.recorder == nullptr ? 0 : place.recorder->begin(place.owner, place.stage, parent);
}

void end(gpuspan_token token) {
  Producer* const producer = Producer::current();
  if (producer == nullptr || producer->recorder() == nullptr) [[unlikely]] {
    refuse(producer, Loss::kLane);
    return;
  }
  producer->recorder()->end(token);
}

gpuspan_token next(gpuspan_token token, gpuspan_stage* stage, gpuspan_request request) {
  const Place place = find_place(stage, request);
  if (place.recorder == nullptr) {
    if (token != 0) end(token);
    return 0;
  }
  return token != 0 ? place.recorder->next(token, place.stage) : place.recorder->begin(place.owner, place.stage);
}

// One encoded numeric attribute: kInt or kDouble, both a u16 key and 8 bytes.
struct Attribute {
  uint8_t bytes[11];

  Attribute(Item item, uint16_t key, uint64_t bits) noexcept {
    bytes[0] = static_cast<uint8_t>(item);
    std::memcpy(bytes + 1, &key, sizeof key);
    std::memcpy(bytes + 3, &bits, sizeof bits);
  }
  Payload payload() const noexcept { return {bytes, sizeof bytes}; }
};

enum class Target { kHost, kGpu };

// Values cross the access to the thread's pointer as integer bits, never in a vector register: before 2.40, glibc's
// slow path for a thread's first TLSDESC access did not preserve those.
[[gnu::noinline]] void set_number(Target target, uint32_t token, gpuspan_key* key, Item item, uint64_t bits) noexcept {
  Producer* producer = Producer::current();
  Recorder* recorder = producer == nullptr ? nullptr : producer->recorder();
  if (recorder == nullptr || token == 0) return;  // an attribute of a slice that was counted when it was refused
  const Attribute attribute(item, key_id(producer->segment(), key), bits);
  if (target == Target::kHost) {
    recorder->annotate(token, attribute.payload());
  } else if (producer->launcher() != nullptr) {
    producer->launcher()->annotate(token, attribute.payload());
  }
}

void set_int(gpuspan_token token, gpuspan_key* key, int64_t value) {
  set_number(Target::kHost, token, key, Item::kInt, std::bit_cast<uint64_t>(value));
}
void set_double(gpuspan_token token, gpuspan_key* key, double value) {
  set_number(Target::kHost, token, key, Item::kDouble, std::bit_cast<uint64_t>(value));
}

gpuspan_gpu_token gpu_begin(gpuspan_stage* stage, gpuspan_request request, void* handle) {
  const Place place = find_place(stage, request);
  if (place.recorder == nullptr) return 0;
  Producer& producer = *place.producer;
  Stream* stream = producer.find_or_open_stream(reinterpret_cast<uintptr_t>(handle));
  if (stream == nullptr) return refuse(&producer, Loss::kGpuDevice);
  return producer.launcher()->begin(place.owner, place.stage, *stream);
}

void gpu_end(gpuspan_gpu_token token) {
  Producer* producer = Producer::current();
  if (token == 0) return;
  if (producer == nullptr || producer->launcher() == nullptr) {
    refuse(producer, Loss::kStale);
    return;
  }
  producer->launcher()->end(token);
}

void gpu_set_int(gpuspan_gpu_token token, gpuspan_key* key, int64_t value) {
  set_number(Target::kGpu, token, key, Item::kInt, std::bit_cast<uint64_t>(value));
}
void gpu_set_double(gpuspan_gpu_token token, gpuspan_key* key, double value) {
  set_number(Target::kGpu, token, key, Item::kDouble, std::bit_cast<uint64_t>(value));
}

constexpr gpuspan_api kApi = {
    .magic = GPUSPAN_API_MAGIC,
    .size = sizeof(gpuspan_api),
    .version = GPUSPAN_API_VERSION,
    .adopt = adopt,
    .leave = leave,
    .begin = begin,
    .end = end,
    .next = next,
    .set_int = set_int,
    .set_double = set_double,
    .gpu_begin = gpu_begin,
    .gpu_end = gpu_end,
    .gpu_set_int = gpu_set_int,
    .gpu_set_double = gpu_set_double,
    .set = c_details::set,
    .gpu_set = c_details::gpu_set,
    .request_set = c_details::request_set,
    .worker_set = c_details::worker_set,
    .end_with = c_details::end_with,
    .fail = c_details::fail,
    .event = c_details::event,
    .record = c_details::record,
    .begin_under = begin_under,
    .start_thread = start_thread,
    .event_at = c_details::event_at,
};

}  // namespace

void promote_to_global_scope() noexcept {
  static const bool promoted = [] {
    Dl_info info;
    return dladdr(reinterpret_cast<void*>(&gpuspan_get_api_v1), &info) != 0 && info.dli_fname != nullptr &&
           dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL) != nullptr;
  }();
  (void)promoted;  // when it fails, modules still find the table by `tracer.apiAddress`
}

}  // namespace gpuspan

extern "C" const gpuspan_api* gpuspan_get_api_v1(void) { return &gpuspan::kApi; }
