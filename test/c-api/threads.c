/* SPDX-License-Identifier: Apache-2.0
 *
 * See threads.h. A translation unit of its own, so that the table pointer of gpuspan.h is shared by two.
 */
#include "threads.h"

#include <gpuspan.h>
#include <pthread.h>

#define MAX_THREADS 64

static gpuspan_stage outer = GPUSPAN_STAGE("native", "outer", 1);
static gpuspan_stage inner = GPUSPAN_STAGE("native", "inner", 2);
static gpuspan_key round_key = GPUSPAN_KEY("round");

typedef struct job {
  uint64_t handle;
  uint32_t slices;
  enum thread_plan plan;
  uint32_t token;
  int adopted;
} job;

static void* record(void* data) {
  job* work = (job*)data;
  uint32_t i;
  gpuspan_request request = gpuspan_adopt(work->handle);
  work->adopted = request != 0;
  for (i = 0; i < work->slices; ++i) {
    gpuspan_token out = gpuspan_begin(&outer, request);
    gpuspan_token in = gpuspan_begin(&inner, request);
    gpuspan_set_int(in, &round_key, (int64_t)i);
    gpuspan_end(in);
    gpuspan_end(out);
  }
  if (work->plan == PLAN_FOREIGN_TOKEN) {
    gpuspan_token own = gpuspan_begin(&outer, request);
    gpuspan_end(work->token);
    gpuspan_end(own);
  }
  if (work->plan == PLAN_END_WITH_OPEN) {
    gpuspan_begin(&outer, request);
    return NULL;
  }
  gpuspan_leave(request);
  return NULL;
}

uint32_t run_threads(uint64_t handle, uint32_t threads, uint32_t slices, int at_once, enum thread_plan plan,
                     uint32_t token) {
  pthread_t ids[MAX_THREADS];
  job jobs[MAX_THREADS];
  uint32_t i, started = 0, adopted = 0;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  for (i = 0; i < threads; ++i) {
    jobs[i].handle = handle;
    jobs[i].slices = slices;
    jobs[i].plan = plan;
    jobs[i].token = token;
    jobs[i].adopted = 0;
    if (pthread_create(&ids[i], NULL, record, &jobs[i]) != 0) break;
    ++started;
    if (!at_once) pthread_join(ids[i], NULL);
  }
  for (i = 0; i < started; ++i) {
    if (at_once) pthread_join(ids[i], NULL);
    adopted += (uint32_t)jobs[i].adopted;
  }
  return adopted;
}
