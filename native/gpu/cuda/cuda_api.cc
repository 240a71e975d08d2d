// SPDX-License-Identifier: Apache-2.0
//
// Finds each entry point in the newest version that the driver has: first by cuGetProcAddress (11.3), which knows
// versions, then by symbol name. A driver may answer CUDA_SUCCESS with a null pointer, or CUDA_ERROR_INVALID_VALUE for
// a version newer than itself; both mean "try the next".
#include "cuda_api.h"

#include <dlfcn.h>

#include <span>

#include "results.h"

namespace gpuspan::cuda {
namespace {

// One way to an entry point: the name that cuGetProcAddress knows with the version that introduced this form of it, and
// the symbol that a library exports for it.
struct Form {
  const char* name;
  int version;
  const char* symbol;
};

class Loader {
 public:
  explicit Loader(void* library) : library_(library) {
    find(&get_proc_address_v2_, "cuGetProcAddress_v2");
    find(&get_proc_address_, "cuGetProcAddress");
  }

  template <typename Function>
  void need(Function* function, std::initializer_list<Form> forms) {
    take(function, forms);
    if (*function == nullptr && missing_ == nullptr) missing_ = forms.begin()->symbol;
  }
  template <typename Function>
  void take(Function* function, std::initializer_list<Form> forms) {
    void* found = nullptr;
    for (const Form& form : forms) {
      if (found == nullptr) found = by_driver(form);
      if (found == nullptr) found = dlsym(library_, form.symbol);
    }
    *function = reinterpret_cast<Function>(found);
  }
  const char* missing() const { return missing_; }

 private:
  template <typename Function>
  void find(Function* function, const char* symbol) {
    *function = reinterpret_cast<Function>(dlsym(library_, symbol));
  }

  // Handles of streams mean what the plain entry points say: 0 is the legacy stream, 2 the thread's own.
  void* by_driver(const Form& form) const {
    void* found = nullptr;
    ProcAddressStatus status = kProcAddressFound;
    Result result = kNotFound;
    if (get_proc_address_v2_ != nullptr) {
      result = get_proc_address_v2_(form.name, &found, form.version, kProcAddressLegacyStream, &status);
    } else if (get_proc_address_ != nullptr) {
      result = get_proc_address_(form.name, &found, form.version, kProcAddressLegacyStream);
    }
    return result == kSuccess && status == kProcAddressFound ? found : nullptr;
  }

  void* library_;
  GetProcAddressV2Function get_proc_address_v2_ = nullptr;
  GetProcAddressFunction get_proc_address_ = nullptr;
  const char* missing_ = nullptr;
};

void find_devices_and_contexts(Loader& loader, Api* api) {
  loader.need(&api->init, {{"cuInit", 2000, "cuInit"}});
  loader.need(&api->driver_get_version, {{"cuDriverGetVersion", 2020, "cuDriverGetVersion"}});
  loader.need(&api->device_get_count, {{"cuDeviceGetCount", 2000, "cuDeviceGetCount"}});
  loader.need(&api->device_get, {{"cuDeviceGet", 2000, "cuDeviceGet"}});
  loader.need(&api->device_get_name, {{"cuDeviceGetName", 2000, "cuDeviceGetName"}});
  loader.need(&api->device_get_uuid, {{"cuDeviceGetUuid", 9020, "cuDeviceGetUuid"}});
  loader.take(&api->device_get_uuid_v2, {{"cuDeviceGetUuid", 11040, "cuDeviceGetUuid_v2"}});
  loader.need(&api->ctx_get_current, {{"cuCtxGetCurrent", 4000, "cuCtxGetCurrent"}});
  loader.need(&api->ctx_set_current, {{"cuCtxSetCurrent", 4000, "cuCtxSetCurrent"}});
  loader.need(&api->ctx_get_device, {{"cuCtxGetDevice", 2000, "cuCtxGetDevice"}});
  loader.take(&api->ctx_get_id, {{"cuCtxGetId", 12000, "cuCtxGetId"}});
  loader.need(&api->ctx_get_stream_priority_range,
              {{"cuCtxGetStreamPriorityRange", 5050, "cuCtxGetStreamPriorityRange"}});
}

void find_streams_and_events(Loader& loader, Api* api) {
  loader.need(&api->stream_create_with_priority, {{"cuStreamCreateWithPriority", 5050, "cuStreamCreateWithPriority"}});
  loader.need(&api->stream_destroy, {{"cuStreamDestroy", 4000, "cuStreamDestroy_v2"}});
  loader.need(&api->stream_get_ctx, {{"cuStreamGetCtx", 9020, "cuStreamGetCtx"}});
  loader.take(&api->stream_get_id, {{"cuStreamGetId", 12000, "cuStreamGetId"}});
  loader.need(&api->stream_is_capturing, {{"cuStreamIsCapturing", 10000, "cuStreamIsCapturing"}});
  loader.need(&api->thread_exchange_stream_capture_mode,
              {{"cuThreadExchangeStreamCaptureMode", 10010, "cuThreadExchangeStreamCaptureMode"}});
  loader.need(&api->event_create, {{"cuEventCreate", 2000, "cuEventCreate"}});
  loader.need(&api->event_destroy, {{"cuEventDestroy", 4000, "cuEventDestroy_v2"}});
  loader.need(&api->event_record, {{"cuEventRecord", 2000, "cuEventRecord"}});
  loader.need(&api->event_query, {{"cuEventQuery", 2000, "cuEventQuery"}});
  loader.need(&api->event_elapsed_time, {{"cuEventElapsedTime", 12080, "cuEventElapsedTime_v2"},
                                         {"cuEventElapsedTime", 2000, "cuEventElapsedTime"}});
}

bool initialize(Api* api, std::string* reason) {
  const Result result = api->init(0);
  if (result == kNoDevice) {
    *reason = "the CUDA driver found no device; check nvidia-smi and CUDA_VISIBLE_DEVICES";
    return false;
  }
  if (result != kSuccess) {
    *reason = "cuInit returned " + std::to_string(result) + "; check the driver with nvidia-smi";
    return false;
  }
  if (api->driver_get_version(&api->version) != kSuccess) api->version = 0;
  return true;
}

}  // namespace

bool load(const char* library, Api* api, std::string* reason) {
  // NODELETE: the driver keeps threads of its own, which must not lose their code.
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* why = dlerror();
    *reason = std::string("no CUDA driver (") + (why == nullptr ? library : why) +
              "); install NVIDIA's driver, or set GPUSPAN_CUDA_LIBRARY to the path of its libcuda.so.1";
    return false;
  }
  Loader loader(handle);
  find_devices_and_contexts(loader, api);
  find_streams_and_events(loader, api);
  api->simulated = dlsym(handle, kSimulatedSymbol) != nullptr;
  if (loader.missing() != nullptr) {
    *reason =
        std::string(library) + " has no " + loader.missing() + "; a CUDA driver of version 10.1 or newer is needed";
    return false;
  }
  return initialize(api, reason);
}

}  // namespace gpuspan::cuda
