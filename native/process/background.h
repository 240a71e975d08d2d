// SPDX-License-Identifier: Apache-2.0
//
// Scheduling of the thread that delivers: behind the application's threads, which it must not keep waiting. Called once
// by the delivery worker, on its thread.
#ifndef GPUSPAN_PROCESS_BACKGROUND_H_
#define GPUSPAN_PROCESS_BACKGROUND_H_

namespace gpuspan {

// The calling thread gives way at once to threads that wake up on its CPU, and has a lower share of a CPU that is
// contended (5 nice levels: about a quarter beside one busy thread). A thread of a real-time class, which it may have
// inherited, becomes an ordinary one. Returns false where the kernel refuses (a sandbox); then nothing has changed.
bool run_in_background() noexcept;

}  // namespace gpuspan

#endif  // GPUSPAN_PROCESS_BACKGROUND_H_
