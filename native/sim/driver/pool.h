// SPDX-License-Identifier: Apache-2.0
//
// Objects behind handles. A handle is the object's address in one block that is never given back, so any number can be
// looked up without touching foreign memory, and a destroyed object's handle is told from one that never was.
#ifndef GPUSPAN_SIM_DRIVER_POOL_H_
#define GPUSPAN_SIM_DRIVER_POOL_H_

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace gpuspan::sim {

enum class Found : uint8_t { kLive, kDestroyed, kUnknown };

template <typename Object>
class Pool {
 public:
  explicit Pool(size_t capacity)
      : slots_(static_cast<Slot*>(std::calloc(capacity, sizeof(Slot)))), capacity_(capacity) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Whether a destroyed object's handle is the next one handed out.
  void set_reuse(bool reuse) { reuse_ = reuse; }

  // Null when the block is full.
  template <typename... Arguments>
  Object* create(Arguments&&... arguments) {
    Slot* slot;
    if (reuse_ && !free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      if (slots_ == nullptr || used_ == capacity_) return nullptr;
      slot = &slots_[used_++];
    }
    slot->live = true;
    ++live_;
    return new (slot->storage) Object(std::forward<Arguments>(arguments)...);
  }

  void destroy(Object* object) {
    Slot* slot = slot_of(object);
    object->~Object();
    slot->live = false;
    --live_;
    free_.push_back(slot);
  }

  Found find(const void* handle, Object** object) const {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(handle) - reinterpret_cast<uintptr_t>(slots_);
    if (offset % sizeof(Slot) != 0 || offset / sizeof(Slot) >= used_) return Found::kUnknown;
    Slot& slot = slots_[offset / sizeof(Slot)];
    if (!slot.live) return Found::kDestroyed;
    *object = std::launder(reinterpret_cast<Object*>(slot.storage));
    return Found::kLive;
  }

  size_t live() const { return live_; }

  template <typename Visit>
  void for_each(Visit visit) {
    for (size_t i = 0; i < used_; ++i) {
      if (slots_[i].live) visit(*std::launder(reinterpret_cast<Object*>(slots_[i].storage)));
    }
  }

  void clear() {
    for_each([](Object& object) { object.~Object(); });
    for (size_t i = 0; i < used_; ++i) slots_[i].live = false;
    free_.clear();
    used_ = live_ = 0;
  }

 private:
  struct Slot {
    alignas(Object) unsigned char storage[sizeof(Object)];  // first: a handle is its address
    bool live;
  };

  static Slot* slot_of(Object* object) { return reinterpret_cast<Slot*>(object); }

  Slot* slots_;
  size_t capacity_;
  size_t used_ = 0;
  size_t live_ = 0;
  bool reuse_ = true;
  std::vector<Slot*> free_;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_POOL_H_
