/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue of the system's first OpenCL device, for tests that mark GPU slices on a real one. Called on JavaScript's
 * thread; loads OpenCL at run time, so the test addon builds and loads without it.
 */
#ifndef GPUSPAN_TEST_OPENCL_H_
#define GPUSPAN_TEST_OPENCL_H_

#include <stdint.h>

/* An in-order queue with profiling, never released; 0 where there is none to be had. */
uint64_t opencl_make_queue(void);
void opencl_finish(uint64_t queue);

#endif
