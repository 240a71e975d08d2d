// SPDX-License-Identifier: Apache-2.0
//
// Which process a segment belongs to, told so that a later reader can know whether it still lives: pid, boot id
// and start time, since pids are reused. Called once by Segment::create.
#ifndef GPUSPAN_CORE_PROCESS_IDENTITY_H_
#define GPUSPAN_CORE_PROCESS_IDENTITY_H_

#include "layout.h"

namespace gpuspan {

// Fills pid, boot_id and process_start; what /proc does not tell stays zero.
void identify_process(SegmentHeader* header) noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_CORE_PROCESS_IDENTITY_H_
