/* SPDX-License-Identifier: Apache-2.0
 *
 * See opencl.h. Only what is called is declared, in the types of the OpenCL 1.2 ABI.
 */
#include "opencl.h"

#include <dlfcn.h>
#include <stddef.h>

#define DEVICE_TYPE_ALL 0xffffffffu
#define QUEUE_PROFILING_ENABLE 2u

typedef int32_t (*get_platforms_fn)(uint32_t, void**, uint32_t*);
typedef int32_t (*get_devices_fn)(void*, uint64_t, uint32_t, void**, uint32_t*);
typedef void* (*create_context_fn)(const intptr_t*, uint32_t, void* const*, void*, void*, int32_t*);
typedef void* (*create_queue_fn)(void*, void*, uint64_t, int32_t*);
typedef int32_t (*finish_fn)(void*);

/* dlsym gives an object pointer; ISO C has no cast from that to a function pointer. */
typedef union symbol {
  void* object;
  get_platforms_fn get_platforms;
  get_devices_fn get_devices;
  create_context_fn create_context;
  create_queue_fn create_queue;
  finish_fn finish;
} symbol;

static symbol find(const char* name) {
  static void* library;
  symbol found;
  if (library == NULL) library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  found.object = library == NULL ? NULL : dlsym(library, name);
  return found;
}

uint64_t opencl_make_queue(void) {
  const symbol get_platforms = find("clGetPlatformIDs"), get_devices = find("clGetDeviceIDs");
  const symbol create_context = find("clCreateContext"), create_queue = find("clCreateCommandQueue");
  void *platform = NULL, *device = NULL, *context;
  int32_t status = 0;
  if (get_platforms.object == NULL || get_devices.object == NULL || create_context.object == NULL ||
      create_queue.object == NULL) {
    return 0;
  }
  if (get_platforms.get_platforms(1, &platform, NULL) != 0 || platform == NULL) return 0;
  if (get_devices.get_devices(platform, DEVICE_TYPE_ALL, 1, &device, NULL) != 0 || device == NULL) return 0;
  context = create_context.create_context(NULL, 1, &device, NULL, NULL, &status);
  if (context == NULL || status != 0) return 0;
  return (uint64_t)(uintptr_t)create_queue.create_queue(context, device, QUEUE_PROFILING_ENABLE, &status);
}

void opencl_finish(uint64_t queue) {
  const symbol finish = find("clFinish");
  if (finish.object != NULL && queue != 0) finish.finish((void*)(uintptr_t)queue);
}
