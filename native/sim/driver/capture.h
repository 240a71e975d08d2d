// SPDX-License-Identifier: Apache-2.0
//
// The stream capture state machine: what a call may do while streams are being captured, and which calls break a
// capture. Each function returns kSuccess or what the driver call returns.
#ifndef GPUSPAN_SIM_DRIVER_CAPTURE_H_
#define GPUSPAN_SIM_DRIVER_CAPTURE_H_

#include "call.h"

namespace gpuspan::sim {

// A command is pushed into a stream. `capture`: the capture that it becomes part of, null when it shall run.
cuda::Result push_command(Call& call, StreamObject& stream, Capture** capture);

// A call that CUDA calls potentially unsafe during captures (allocation, queries, synchronisation ...).
cuda::Result check_unsafe(Call& call);
// The same for calls that are only suspected to be.
cuda::Result check_suspect(Call& call);

// A question about, or a wait for, a stream, a context or an event.
cuda::Result ask_stream(Call& call, StreamObject& stream);
cuda::Result ask_context(Call& call, const ContextObject& context);
cuda::Result ask_event(Call& call, const EventObject& event);

// Whether a stream is used that waits implicitly for one that is being captured.
bool waits_for_capture(const State& state, const StreamObject& stream);

// A wait on an event inside a capture, or for a captured event. `done`: nothing is left to do.
cuda::Result wait_in_capture(Call& call, StreamObject& stream, const EventObject& event, bool* done);

cuda::Result begin_capture(Call& call, StreamObject& stream, cuda::CaptureMode mode);
cuda::Result end_capture(Call& call, StreamObject& stream, cuda::Graph* graph);

// The captures of a context that goes away.
void drop_captures(State& state, const ContextObject& context);

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_CAPTURE_H_
