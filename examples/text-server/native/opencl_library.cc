// SPDX-License-Identifier: Apache-2.0
//
// Finds libOpenCL at run time. Called once, when the device is opened, on the JavaScript thread. The library stays
// loaded: its threads may outlive the last object made with it.
#include "opencl_library.h"

#include <dlfcn.h>

#include <memory>

namespace text_server::opencl {
namespace {

std::unique_ptr<Library> open_library() {
  void* handle = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto library = std::make_unique<Library>();
  bool complete = true;
#define TEXT_SERVER_OPENCL_LOAD(name, result, parameters)                       \
  library->name = reinterpret_cast<result(*) parameters>(dlsym(handle, #name)); \
  complete = complete && library->name != nullptr;
  TEXT_SERVER_OPENCL_FUNCTIONS(TEXT_SERVER_OPENCL_LOAD)
#undef TEXT_SERVER_OPENCL_LOAD
  return complete ? std::move(library) : nullptr;
}

}  // namespace

const Library* load_library() {
  static const std::unique_ptr<Library> kLibrary = open_library();
  return kLibrary.get();
}

}  // namespace text_server::opencl
