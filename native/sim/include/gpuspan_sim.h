/* SPDX-License-Identifier: Apache-2.0
 *
 * Control of the simulated CUDA driver (libgpuspan_sim_cuda.so): how its clocks, latencies and failures behave, and
 * what it saw. The driver itself is used through CUDA's own symbols. C99; every function is exported by the library and
 * safe from any thread. Times are int64 nanoseconds unless a name says otherwise; rates are parts per billion.
 *
 * Two modes. In real time (the default) the simulator's host clock is CLOCK_MONOTONIC and work completes when it should
 * by that clock. In virtual time nothing moves but by gpuspan_sim_advance_ns and by driver calls: each costs its
 * configured time, and one that blocks jumps to when it would return. A single-threaded virtual run is determined by
 * its seed; several threads are safe, but their order is the scheduler's.
 */
#ifndef GPUSPAN_SIM_H_
#define GPUSPAN_SIM_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GPUSPAN_SIM_API __attribute__((visibility("default")))
#define GPUSPAN_SIM_MAX_DEVICES 8

/* Says what this library is, for humans. A program that finds this symbol in a "CUDA driver" must call it simulated. */
GPUSPAN_SIM_API extern const char gpuspan_simulated_driver[];

/* ---- Configuration ---- */

typedef struct gpuspan_sim_clock {
  int64_t offset_ns;        /* device time when the simulation starts */
  int64_t drift_ppb;        /* rate against true time: -24000 is a device 24 ppm slow */
  int64_t wander_ppb;       /* amplitude of a sine added to the rate (thermal wander) */
  int64_t wander_period_ns; /* of that sine; 0: no wander */
  int64_t tick_ns;          /* device times are multiples of this: 32, 64, 500, 1024; at least 1 */
} gpuspan_sim_clock;

enum {
  GPUSPAN_SIM_FIXED = 0,       /* base_ns */
  GPUSPAN_SIM_EXPONENTIAL = 1, /* base_ns + exponential of mean scale_ns */
  GPUSPAN_SIM_LOGNORMAL = 2,   /* base_ns + lognormal of median scale_ns and shape sigma */
  GPUSPAN_SIM_BIMODAL = 3      /* base_ns, or base_ns + scale_ns with probability sigma */
};

typedef struct gpuspan_sim_latency {
  int32_t family;
  int32_t reserved;
  int64_t base_ns;
  int64_t scale_ns;
  double sigma;
} gpuspan_sim_latency;

typedef struct gpuspan_sim_config {
  uint64_t seed;
  int32_t virtual_time;       /* 1: virtual, 0: real */
  int32_t devices;            /* 0 to GPUSPAN_SIM_MAX_DEVICES */
  int32_t driver_version;     /* 1000 * major + 10 * minor; newer entry points are not found by cuGetProcAddress */
  int32_t queue_depth;        /* commands pending on a stream before the next one blocks; 0 to 1024, 0: never blocks */
  int32_t reuse_handles;      /* 1: a destroyed stream's or event's handle is the next one handed out; 0: never again */
  int32_t strict_capture;     /* 1: cuEventCreate, cuEventDestroy and elapsed count as unsafe during captures as well */
  int64_t call_ns;            /* virtual cost of a driver call */
  int64_t record_ns;          /* of cuEventRecord and cuLaunchKernel; the command is submitted half way */
  int64_t query_ns;           /* of queries and elapsed */
  gpuspan_sim_latency submit; /* from submission to the device reaching an idle stream's command */
  gpuspan_sim_latency complete; /* from a command's end on the device to the host being able to see it */
  gpuspan_sim_latency kernel;   /* how long kernels run that gpuspan_sim_next_kernel_ns says nothing about */
  double slice_probability;     /* that a command waits for another process's time slice */
  int64_t slice_gap_ns;         /* how long then, plus up to a tenth */
  int64_t copy_bytes_per_us;    /* of memory copies; 0: at once */
  int64_t log_capacity;         /* records of device events kept, the newest; 0: no log */
  gpuspan_sim_clock clock[GPUSPAN_SIM_MAX_DEVICES];
} gpuspan_sim_config;

/* Fills in the defaults: real time, one device, driver 13.0, latencies like those of a current data-centre GPU. */
GPUSPAN_SIM_API void gpuspan_sim_defaults(gpuspan_sim_config* config);
/* As gpuspan_sim_defaults, in virtual time, with every latency, cost, drift and offset zero and a tick of 1 ns. */
GPUSPAN_SIM_API void gpuspan_sim_zero(gpuspan_sim_config* config);
/* Starts the simulation anew: every object is gone, every count zero, every injection off, cuInit not called. Null:
 * the defaults and the environment variable GPUSPAN_SIM, which is also where a program starts that never calls this.
 * 0, or -1 and nothing changed where a field is out of range. No other thread may be in the driver. */
GPUSPAN_SIM_API int gpuspan_sim_configure(const gpuspan_sim_config* config);
/* Changes a configuration as GPUSPAN_SIM does: "seed=7,devices=2,tick=500,drift=-24000"; README.md lists the keys.
 * 0, or -1 at the first key or value that is wrong, where it stops. */
GPUSPAN_SIM_API int gpuspan_sim_parse(const char* text, gpuspan_sim_config* config);

/* ---- Host clocks ---- */

GPUSPAN_SIM_API int64_t gpuspan_sim_now_ns(void);           /* CLOCK_MONOTONIC as simulated */
GPUSPAN_SIM_API int64_t gpuspan_sim_monotonic_raw_ns(void); /* CLOCK_MONOTONIC_RAW: true time, which nobody slews */
GPUSPAN_SIM_API int64_t gpuspan_sim_boottime_ns(void);      /* CLOCK_BOOTTIME */
GPUSPAN_SIM_API int64_t gpuspan_sim_realtime_ns(void);      /* CLOCK_REALTIME */
/* The rest is for virtual time: -1 and nothing happens in real time. */
GPUSPAN_SIM_API int gpuspan_sim_advance_ns(int64_t ns);    /* true time moves; negative: -1 */
GPUSPAN_SIM_API int gpuspan_sim_step_realtime(int64_t ns); /* CLOCK_REALTIME jumps, as settimeofday makes it */
GPUSPAN_SIM_API int gpuspan_sim_slew(int64_t ppb);         /* from now, MONOTONIC runs this much faster than true */
/* BOOTTIME and REALTIME move by ns, MONOTONIC does not; work in progress pauses; the device clocks move by any amount
 * from none to all of it. */
GPUSPAN_SIM_API int gpuspan_sim_suspend(int64_t ns);

/* ---- Failures ---- */

enum { GPUSPAN_SIM_SHOWN = 0, GPUSPAN_SIM_MISSING = 1, GPUSPAN_SIM_NULL = 2 };

/* The nth call of the entry point from now (1: the next; "cuEventRecord", "cuEventRecord_ptsz") returns `result` and
 * does nothing. Sticky: so does every later call that works on a context, as after a fault on the device. -1 where
 * there is no such entry point. One failure an entry point at a time; nth 0 takes it back. */
GPUSPAN_SIM_API int gpuspan_sim_fail(const char* entry_point, uint64_t nth, int result, int sticky);
/* Every call that can fail does so with this probability and returns `result`; 0 means one of INVALID_VALUE,
 * OUT_OF_MEMORY, INVALID_HANDLE and NOT_SUPPORTED. cuInit and calls that only name errors never fail. */
GPUSPAN_SIM_API void gpuspan_sim_fail_randomly(double probability, int result, uint64_t seed);
/* Each call takes this much longer, before it has any effect. */
GPUSPAN_SIM_API int gpuspan_sim_slow(const char* entry_point, int64_t ns);
/* What cuGetProcAddress says of the entry point (its exported name): GPUSPAN_SIM_MISSING: NOT_FOUND;
 * GPUSPAN_SIM_NULL: SUCCESS with a null function. dlsym cannot be told to lie; see libgpuspan_sim_cuda_old.so. */
GPUSPAN_SIM_API int gpuspan_sim_hide(const char* entry_point, int how);
/* A fault on the device: every later call that works on this context returns `result` (700, 719, ...). */
GPUSPAN_SIM_API int gpuspan_sim_kill_context(void* context, int result);
/* cuDevicePrimaryCtxReset as if by somebody else: its streams and events are gone, and calls on them or with the
 * context current return CONTEXT_IS_DESTROYED. */
GPUSPAN_SIM_API int gpuspan_sim_reset_device(int device);
/* The process is ending: every later call returns DEINITIALIZED. Happens by itself at exit after cuInit. */
GPUSPAN_SIM_API void gpuspan_sim_deinitialize(void);

/* ---- The application ---- */

/* While on, calls of this thread are the application's: not counted below, never failed on purpose. Per thread. */
GPUSPAN_SIM_API void gpuspan_sim_application(int on);
/* The next kernel that this thread launches or captures runs for ns. */
GPUSPAN_SIM_API void gpuspan_sim_next_kernel_ns(int64_t ns);
/* What a kernel does, on memory that is the host's: called at launch with the launch's parameters. A kernel without one
 * only takes time. `name` is copied; null `function` takes it back. */
typedef void (*gpuspan_sim_kernel)(void** parameters, const unsigned grid[3], const unsigned block[3]);
GPUSPAN_SIM_API void gpuspan_sim_register_kernel(const char* name, gpuspan_sim_kernel function);

/* ---- What happened ---- */

/* Entry points in order, null from the end on: a sweep asks 0, 1, 2, ... */
GPUSPAN_SIM_API const char* gpuspan_sim_entry_point(size_t index);
GPUSPAN_SIM_API uint64_t gpuspan_sim_calls(const char* entry_point); /* null: of all */
GPUSPAN_SIM_API void gpuspan_sim_clear_counts(void);                 /* calls and violations */

typedef struct gpuspan_sim_violations {
  uint64_t after_deinitialize; /* calls after DEINITIALIZED */
  uint64_t after_fork;         /* calls in a forked child (the parent's counts are not seen here) */
  uint64_t use_after_destroy;  /* handles of objects destroyed by a call */
  uint64_t unknown_handles;    /* handles that were never handed out */
  uint64_t wrong_version;      /* functions whose parameters changed in the CUDA version asked of cuGetProcAddress */
  uint64_t dead_context;       /* calls that got CONTEXT_IS_DESTROYED */
  uint64_t after_sticky;       /* calls that got a sticky error */
  uint64_t captures_broken;    /* calls that invalidated a capture */
  uint64_t capture_refused;    /* calls that returned one of the capture errors, 900 to 908 */
  uint64_t contexts_created;   /* calls that created a context or made a primary one active */
  uint64_t synchronise_calls;  /* cuCtxSynchronize, cuStreamSynchronize, cuEventSynchronize */
  uint64_t queue_blocked;      /* commands that waited for room in a stream's queue */
} gpuspan_sim_violations;
GPUSPAN_SIM_API void gpuspan_sim_get_violations(gpuspan_sim_violations* violations);

typedef struct gpuspan_sim_objects {
  uint64_t contexts, streams, events, modules, graphs, graph_execs, allocations;
} gpuspan_sim_objects;
GPUSPAN_SIM_API void gpuspan_sim_live_objects(gpuspan_sim_objects* objects);

typedef struct gpuspan_sim_truth {
  uint64_t sequence;  /* of the record, from 1, over all devices */
  void* event;        /* CUevent */
  void* stream;       /* CUstream as created; for a default stream the object behind it */
  uint64_t stream_id; /* what cuStreamGetId says */
  int32_t device;
  int32_t reserved;
  int64_t submitted_ns;   /* MONOTONIC when the host submitted it */
  int64_t host_ns;        /* MONOTONIC when the stream reached it */
  int64_t visible_ns;     /* MONOTONIC from when the host can see it */
  int64_t realtime_ns;    /* REALTIME when the stream reached it, as the clock then was or, ahead of now, is set */
  int64_t device_ns;      /* the device clock then, before rounding to ticks */
  int64_t device_tick_ns; /* what cuEventElapsedTime computes with */
} gpuspan_sim_truth;
/* Of the event's last record outside a capture. 0; -1 where there is none. Also for an event that is not complete. */
GPUSPAN_SIM_API int gpuspan_sim_event_truth(void* event, gpuspan_sim_truth* truth);
/* The log of records, oldest first: copies up to `capacity` with sequence > after, and returns how many. */
GPUSPAN_SIM_API size_t gpuspan_sim_log(uint64_t after, gpuspan_sim_truth* records, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* GPUSPAN_SIM_H_ */
