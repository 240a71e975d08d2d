/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of native threads that stand for the workers of a KV transfer: each adopts a request for a job, records and
 * leaves. Called from details.c on one JavaScript thread; one pool a module.
 */
#ifndef GPUSPAN_TEST_POOL_H_
#define GPUSPAN_TEST_POOL_H_

#include <stdint.h>

/* Starts so many threads. With a label they call gpuspan_start_thread. Returns how many started, and have a lane if
 * they asked for one. */
uint32_t pool_start(uint32_t threads, const char* label);
/* Each thread does `jobs` jobs: adopt, a chunk sent to two receivers, leave. In the first job all have adopted before
 * any records, and none leaves before all have recorded. Returns the number of jobs whose adopt succeeded, when all are
 * done. */
uint32_t pool_transfer(uint64_t handle, uint32_t jobs);
/* Joins them. */
void pool_stop(void);

#endif
