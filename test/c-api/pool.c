/* SPDX-License-Identifier: Apache-2.0
 *
 * See pool.h.
 */
#define _XOPEN_SOURCE 600 /* for barriers, in strict C99 */
#include "pool.h"

#include <gpuspan.h>
#include <pthread.h>

#define MAX_THREADS 16

static gpuspan_stage send_stage = GPUSPAN_STAGE("mooncake", "mooncake_worker_send", 1);
static gpuspan_stage session_stage = GPUSPAN_STAGE("mooncake", "mooncake_worker_send_session", 2);
static gpuspan_key bytes = GPUSPAN_KEY("bytes");
static gpuspan_key worker = GPUSPAN_KEY("transfer_worker");

static struct {
  pthread_t ids[MAX_THREADS];
  uint32_t threads;
  const char* label;
  pthread_barrier_t begin, end, abreast;
  /* What follows is written between `end` and `begin`. */
  uint64_t handle;
  uint32_t jobs;
  int stopping;
  uint32_t adopted[MAX_THREADS];
  int started[MAX_THREADS];
} pool;

static void send_chunk(gpuspan_request request, uint32_t index, int together) {
  const gpuspan_attribute sent[] = {gpuspan_int(&bytes, 4096 * (int64_t)(index + 1))};
  gpuspan_token send, first, second;
  if (together) pthread_barrier_wait(&pool.abreast);
  send = gpuspan_begin(&send_stage, request);
  if (together) pthread_barrier_wait(&pool.abreast);
  first = gpuspan_begin_under(&session_stage, request, send);
  second = gpuspan_begin_under(&session_stage, request, send);
  gpuspan_end(first);
  gpuspan_end(second);
  gpuspan_end_with(send, sent, 1);
  if (together) pthread_barrier_wait(&pool.abreast);
}

static void* work(void* data) {
  const uint32_t index = (uint32_t)(uintptr_t)data;
  pool.started[index] = pool.label == NULL || gpuspan_start_thread(pool.label);
  pthread_barrier_wait(&pool.end);
  for (;;) {
    uint32_t i;
    pthread_barrier_wait(&pool.begin);
    if (pool.stopping) return NULL;
    for (i = 0; i < pool.jobs; ++i) {
      const gpuspan_attribute name[] = {gpuspan_int(&worker, (int64_t)index)};
      gpuspan_request request = gpuspan_adopt(pool.handle);
      pool.adopted[index] += request != 0;
      gpuspan_worker_set(request, name, 1);
      send_chunk(request, index, i == 0);
      gpuspan_leave(request);
    }
    pthread_barrier_wait(&pool.end);
  }
}

uint32_t pool_start(uint32_t threads, const char* label) {
  uint32_t i, started = 0;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  pool.threads = threads;
  pool.label = label;
  pool.stopping = 0;
  pthread_barrier_init(&pool.begin, NULL, threads + 1);
  pthread_barrier_init(&pool.end, NULL, threads + 1);
  pthread_barrier_init(&pool.abreast, NULL, threads);
  for (i = 0; i < threads; ++i) pthread_create(&pool.ids[i], NULL, work, (void*)(uintptr_t)i);
  pthread_barrier_wait(&pool.end);
  for (i = 0; i < threads; ++i) started += pool.started[i] != 0;
  return started;
}

uint32_t pool_transfer(uint64_t handle, uint32_t jobs) {
  uint32_t i, adopted = 0;
  pool.handle = handle;
  pool.jobs = jobs;
  for (i = 0; i < pool.threads; ++i) pool.adopted[i] = 0;
  pthread_barrier_wait(&pool.begin);
  pthread_barrier_wait(&pool.end);
  for (i = 0; i < pool.threads; ++i) adopted += pool.adopted[i];
  return adopted;
}

void pool_stop(void) {
  uint32_t i;
  pool.stopping = 1;
  pthread_barrier_wait(&pool.begin);
  for (i = 0; i < pool.threads; ++i) pthread_join(pool.ids[i], NULL);
  pthread_barrier_destroy(&pool.begin);
  pthread_barrier_destroy(&pool.end);
  pthread_barrier_destroy(&pool.abreast);
}
