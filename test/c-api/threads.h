/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the test addon that records on threads of its own; called from consumer.c on a JavaScript thread.
 */
#ifndef GPUSPAN_TEST_THREADS_H_
#define GPUSPAN_TEST_THREADS_H_

#include <stdint.h>

/* What the threads do with the request before they end. */
enum thread_plan {
  PLAN_LEAVE = 0,         /* record, leave */
  PLAN_END_WITH_OPEN = 1, /* end with a slice open and without leaving */
  PLAN_FOREIGN_TOKEN = 2  /* with a slice open, end a token of the thread that started them */
};

/* Starts `threads` threads one after another or all at once, each adopting `handle` and recording `slices` slices of
 * two levels; joins them. Returns how many adopted. */
uint32_t run_threads(uint64_t handle, uint32_t threads, uint32_t slices, int at_once, enum thread_plan plan,
                     uint32_t token);

#endif
