// SPDX-License-Identifier: Apache-2.0
//
// Finds the CUDA driver at run time. Called when a device is opened, on the JavaScript thread. The library stays
// loaded: its threads may outlive the last object made with it.
#include "cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <memory>

namespace text_server::cuda {
namespace {

struct Loaded {
  std::unique_ptr<Library> library;
  std::string error;
};

template <typename Function>
bool find(void* handle, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(handle, name));
  return *function != nullptr;
}

// The name of the first that is missing; empty where none is.
std::string find_functions(void* handle, Library* library) {
#define TEXT_SERVER_CUDA_LOAD(name, result, parameters) \
  if (!find(handle, #name, &library->name)) return #name;
  TEXT_SERVER_CUDA_FUNCTIONS(TEXT_SERVER_CUDA_LOAD)
#undef TEXT_SERVER_CUDA_LOAD
  if (dlsym(handle, "gpuspan_simulated_driver") == nullptr) return "";
  const char* name = "gpuspan_sim_register_kernel";
  return find(handle, name, &library->gpuspan_sim_register_kernel) ? "" : name;
}

Loaded open_library() {
  const char* chosen = std::getenv("GPUSPAN_CUDA_LIBRARY");
  const std::string path = chosen == nullptr || *chosen == 0 ? "libcuda.so.1" : chosen;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {nullptr, std::string("no CUDA driver: ") + dlerror() + "; --device sim simulates one"};
  auto library = std::make_unique<Library>();
  const std::string missing = find_functions(handle, library.get());
  if (!missing.empty()) return {nullptr, path + " has no " + missing};
  const Result result = library->cuInit(0);
  if (result != kSuccess) {
    const char* name = nullptr;
    if (library->cuGetErrorName(result, &name) != kSuccess || name == nullptr) name = "an unknown error";
    return {nullptr, std::string("the CUDA driver does not start: ") + name + "; check nvidia-smi"};
  }
  return {std::move(library), ""};
}

}  // namespace

const Library* load_library(std::string* error) {
  static const Loaded kLoaded = open_library();
  *error = kLoaded.error;
  return kLoaded.library.get();
}

}  // namespace text_server::cuda
