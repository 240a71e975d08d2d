// SPDX-License-Identifier: Apache-2.0
//
// What gpuspan.h records besides the times of slices: attributes of every kind, events, error status, and slices that
// are over. Entries of the function table in c_api.cc; any thread of the process calls them, with whatever it has.
#ifndef GPUSPAN_PROCESS_C_DETAILS_H_
#define GPUSPAN_PROCESS_C_DETAILS_H_

#include "../include/gpuspan.h"

namespace gpuspan::c_details {

void set(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count);
void gpu_set(gpuspan_gpu_token token, const gpuspan_attribute* attributes, uint32_t count);
void request_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
void worker_set(gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
void end_with(gpuspan_token token, const gpuspan_attribute* attributes, uint32_t count);
void fail(gpuspan_token token, const char* message, uint32_t length);
void event(gpuspan_event_kind* kind, gpuspan_request request, const gpuspan_attribute* attributes, uint32_t count);
void event_at(gpuspan_event_kind* kind, gpuspan_request request, gpuspan_token slice, uint64_t time_ns,
              const gpuspan_attribute* attributes, uint32_t count);
void record(gpuspan_stage* stage, gpuspan_request request, uint64_t start_ns, uint64_t end_ns,
            const gpuspan_attribute* attributes, uint32_t count);

}  // namespace gpuspan::c_details

#endif  // GPUSPAN_PROCESS_C_DETAILS_H_
