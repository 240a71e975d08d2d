// SPDX-License-Identifier: Apache-2.0
//
// Loads the OpenCL library at run time. Set-up path, once a process.
#include "opencl_api.h"

#include <dlfcn.h>

namespace gpuspan::opencl {
namespace {

class Loader {
 public:
  explicit Loader(void* library) : library_(library) {}

  template <typename Function>
  void take(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library_, name));
    if (*function == nullptr && missing_ == nullptr) missing_ = name;
  }
  const char* missing() const { return missing_; }

 private:
  void* library_;
  const char* missing_ = nullptr;
};

}  // namespace

bool load(const char* library, Api* api, std::string* reason) {
  // NODELETE: drivers keep threads of their own, which must not lose their code.
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = dlerror();
    *reason = std::string("no OpenCL library (") + (why == nullptr ? library : why) +
              "); install an OpenCL loader (Debian: ocl-icd-libopencl1) and a driver";
    return false;
  }
  Loader loader(handle);
  loader.take("clGetPlatformIDs", &api->get_platform_ids);
  loader.take("clGetPlatformInfo", &api->get_platform_info);
  loader.take("clGetDeviceIDs", &api->get_device_ids);
  loader.take("clGetDeviceInfo", &api->get_device_info);
  loader.take("clGetContextInfo", &api->get_context_info);
  loader.take("clGetCommandQueueInfo", &api->get_queue_info);
  loader.take("clRetainCommandQueue", &api->retain_queue);
  loader.take("clReleaseCommandQueue", &api->release_queue);
  loader.take("clEnqueueMarkerWithWaitList", &api->enqueue_marker);
  loader.take("clFlush", &api->flush);
  loader.take("clGetEventInfo", &api->get_event_info);
  loader.take("clGetEventProfilingInfo", &api->get_profiling_info);
  loader.take("clReleaseEvent", &api->release_event);
  if (loader.missing() == nullptr) return true;
  *reason = std::string(library) + " has no " + loader.missing() + "; OpenCL 1.2 or newer is needed";
  dlclose(handle);
  return false;
}

}  // namespace gpuspan::opencl
