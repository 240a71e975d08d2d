// SPDX-License-Identifier: Apache-2.0
//
// Puts commands on streams: waits for room in the queue, draws the command's latencies, and writes down what is true of
// a recorded event.
#ifndef GPUSPAN_SIM_DRIVER_SUBMIT_H_
#define GPUSPAN_SIM_DRIVER_SUBMIT_H_

#include "call.h"

namespace gpuspan::sim {

// The stream behind a handle, with room in its queue; the host waits for that, so look up everything else afterwards.
cuda::Result find_stream_with_room(Call& call, cuda::Stream handle, StreamObject** stream);

// The command is submitted now.
Placement submit(Call& call, StreamObject& stream, int64_t duration_ns);

// The event's record has this place on the stream; goes to the log.
void note_record(State& state, EventObject& event, const StreamObject& stream, const Placement& placed);

// A record in the clocks' readings, as they are known by now.
gpuspan_sim_truth truth_of(const State& state, const Record& record);

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_SUBMIT_H_
