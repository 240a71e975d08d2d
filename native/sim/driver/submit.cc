// SPDX-License-Identifier: Apache-2.0
//
// Puts commands on streams; see submit.h.
#include "submit.h"

namespace gpuspan::sim {
namespace {

int64_t slice_gap(const gpuspan_sim_config& config, Random& random) {
  if (!random.chance(config.slice_probability)) return 0;
  return config.slice_gap_ns + static_cast<int64_t>(random.uniform() * 0.1 * static_cast<double>(config.slice_gap_ns));
}

}  // namespace

cuda::Result find_stream_with_room(Call& call, cuda::Stream handle, StreamObject** stream) {
  bool blocked = false;
  for (;;) {
    if (const cuda::Result result = call.find_stream(handle, stream)) return result;
    if ((*stream)->capture != nullptr || (*stream)->timeline.room_from_ns() <= call.now()) return cuda::kSuccess;
    if (!blocked && call.violations()) ++call.violations()->queue_blocked;
    blocked = true;
    call.wait_until((*stream)->timeline.room_from_ns());
  }
}

Placement submit(Call& call, StreamObject& stream, int64_t duration_ns) {
  State& state = call.state();
  Random& random = state.devices[stream.context->device].random;
  Command command;
  command.submitted_ns = call.now();
  command.submit_ns = state.submit.draw(random);
  command.gap_ns = slice_gap(state.config, random);
  command.duration_ns = duration_ns;
  command.complete_ns = state.complete.draw(random);
  return stream.timeline.place(command, stream.context->order);
}

void note_record(State& state, EventObject& event, const StreamObject& stream, const Placement& placed) {
  event.state = EventObject::State::kRecorded;
  event.record = {++state.records,     &event,        &stream,          stream.id, event.context->device,
                  placed.submitted_ns, placed.end_ns, placed.visible_ns};
  const size_t capacity = static_cast<size_t>(state.config.log_capacity);
  if (state.log.size() < capacity) {
    state.log.push_back(event.record);
  } else if (capacity != 0) {
    state.log[(event.record.sequence - 1) % capacity] = event.record;
  }
}

gpuspan_sim_truth truth_of(const State& state, const Record& record) {
  gpuspan_sim_truth truth{};
  const DeviceClock& device = state.devices[record.device].clock;
  truth.sequence = record.sequence;
  truth.event = const_cast<void*>(record.event);
  truth.stream = const_cast<void*>(record.stream);
  truth.stream_id = record.stream_id;
  truth.device = record.device;
  truth.submitted_ns = state.clock.monotonic_at(record.submitted_ns);
  truth.host_ns = state.clock.monotonic_at(record.reached_ns);
  truth.visible_ns = state.clock.monotonic_at(record.visible_ns);
  truth.realtime_ns = state.clock.realtime_at(record.reached_ns);
  truth.device_ns = device.at(record.reached_ns);
  truth.device_tick_ns = device.to_tick(truth.device_ns);
  return truth;
}

}  // namespace gpuspan::sim
