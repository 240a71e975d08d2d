// SPDX-License-Identifier: Apache-2.0
//
// One recording thread: its lane, recorder and GPU launcher. JavaScript environments own one each, native threads
// that adopt a request get one; C code that runs on a JavaScript thread shares that thread's. Only the owning
// thread calls it, apart from construction of the process's GPU side.
#ifndef GPUSPAN_PROCESS_PRODUCER_H_
#define GPUSPAN_PROCESS_PRODUCER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/recorder.h"
#include "../gpu/gpu.h"
#include "process.h"

namespace gpuspan {

class Producer {
 public:
  Producer() = default;
  ~Producer() { release(); }
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // The calling thread's, for the C API; null where nothing was claimed.
  static Producer* current() noexcept { return current_; }
  static void set_current(Producer* producer) noexcept { current_ = producer; }

  // Takes a lane. False with `error` when there is none.
  bool claim(Segment& segment, const LaneIdentity& identity, std::string* error);
  bool claimed() const noexcept { return recorder_.has_value(); }
  uint32_t lane() const noexcept { return recorder_->index(); }
  Segment& segment() noexcept { return *segment_; }

  // Null before `claim` and after `close`: the record path's one test.
  Recorder* recorder() noexcept { return active_; }
  // Counts a slice that could not be recorded in this thread's lane; where there is none, in the segment. A closed
  // lane counts it as kClosed whatever the reason was.
  void lose(Loss reason) noexcept;
  // The same for a request or a batch, which are counted apart from slices.
  void lose_owner(Loss reason) noexcept;

  // Whether `id` is in the dictionary: all that the recorder leaves to its callers to check.
  bool names_entry(uint16_t id) noexcept {
    if (id < names_known_) [[likely]]
      return true;
    names_known_ = segment_->header().dictionary_count.load(std::memory_order_relaxed);
    return id < names_known_;
  }

  // Whether a handle names an open request of this lane: what Recorder::resolve tells, for requests and in place.
  bool holds_request(Handle handle) const noexcept {
    const LaneMemory& lane = active_->lane();
    const uint16_t owner = handle_owner(handle);
    if (owner >= kRequestCapacity || handle_lane(handle) != lane.index) return false;
    const OpenRequest& request = lane.requests[owner];
    return request.state == kStateOpen && request.generation == handle_generation(handle);
  }
  // Dictionary::gate for an id that the dictionary gave out.
  uint8_t gate(uint16_t id) const noexcept { return __atomic_load_n(&names_[id].gate, __ATOMIC_RELAXED); }

  // The launcher, made at the first call: off the record path. Null when the lane is not open.
  Launcher* open_launcher();
  Launcher* launcher() noexcept { return launcher_.get(); }
  // The stream for a handle, opened if need be; null with `error`. Off the record path.
  Stream* open_stream(uint64_t handle, std::string* error);
  // The same for native code: a handle that was refused once is not tried again until a stream is opened somewhere in
  // the process (tracer.gpu().stream) or others were refused, and the process's first refusal is told on stderr.
  Stream* find_or_open_stream(uint64_t handle) noexcept;
  // A stream by index, if this thread opened it.
  Stream* stream(uint32_t index) noexcept { return index < streams_.size() ? streams_[index] : nullptr; }

  // Owners that gpuspan_adopt made on this thread, so that gpuspan_leave never ends one that JavaScript holds: by
  // generation, because an entry may have been closed otherwise (recorder.h, expire) and taken again since.
  void mark_adopted(Handle handle) noexcept { adopted_[adopted_place(handle)] = handle_generation(handle); }
  bool adopted(Handle handle) const noexcept { return adopted_[adopted_place(handle)] == handle_generation(handle); }
  void clear_adopted(Handle handle) noexcept { adopted_[adopted_place(handle)] = 0; }

  // Closes what is open; recording afterwards is a loss, reason `closed`.
  void close() noexcept;
  // `close`, then gives the lane up. Its ring stays for the reader.
  void release() noexcept;

 private:
  // Of an owner that the recorder has resolved, so its index is in range.
  static size_t adopted_place(Handle handle) noexcept {
    const uint16_t owner = handle_owner(handle);
    return (owner & kBatchFlag) != 0 ? kRequestCapacity + (owner & ~kBatchFlag) : owner;
  }
  bool refused(uint64_t handle) noexcept;

  // The addon's only thread-local. Trivially destructible on purpose: nothing of ours runs at a thread's end except
  // through the environment's cleanup hook or the pthread key of native_thread.cc.
  static constinit inline thread_local Producer* current_ = nullptr;

  Segment* segment_ = nullptr;
  const DictionaryEntry* names_ = nullptr;
  uint32_t names_known_ = 0;  // so many the dictionary has at least: it only grows
  Recorder* active_ = nullptr;
  std::optional<Recorder> recorder_;
  std::unique_ptr<Launcher> launcher_;  // refers to recorder_: declared after it, so destroyed before it
  std::vector<Stream*> streams_;
  std::array<uint32_t, kRequestCapacity + kBatchCapacity> adopted_{};  // generation; 0: none
  std::array<uint64_t, 8> refused_handles_{};
  uint32_t refusals_ = 0;
  uint32_t opened_at_refusal_ = 0;  // Gpu::streams_opened when `refused` was last asked
};

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_PRODUCER_H_
