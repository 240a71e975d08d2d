// SPDX-License-Identifier: Apache-2.0
//
// Producers of threads that are not JavaScript's: made by gpuspan_adopt and gpuspan_start_thread, ended by the thread's
// own end.
#ifndef GPUSPAN_PROCESS_NATIVE_THREAD_H_
#define GPUSPAN_PROCESS_NATIVE_THREAD_H_

#include "producer.h"

namespace gpuspan {

// The calling thread's producer, with a lane; claims one if the thread has none, under the name `label` unless that is
// null. Null when there is no segment or no lane left. Locks and allocates: off the record path.
Producer* current_or_claimed_producer(const char* label = nullptr) noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_NATIVE_THREAD_H_
