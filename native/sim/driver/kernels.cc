// SPDX-License-Identifier: Apache-2.0
//
// Modules, functions, kernel launches and graphs. A kernel takes simulated time; what it computes, if anything, is a
// host function that runs at launch.
#include <cstring>

#include "call.h"
#include "capture.h"
#include "submit.h"

namespace gpuspan::sim {

using namespace cuda;

namespace {

int64_t kernel_duration(Call& call, const ContextObject& context) {
  const int64_t told = std::exchange(call.thread().next_kernel_ns, -1);
  return told >= 0 ? told : call.state().kernel.draw(call.state().devices[context.device].random);
}

// Runs the registered host function, without the lock: it may take long.
void compute(Call& call, const std::string& name, const unsigned grid[3], const unsigned block[3], void** parameters) {
  const auto found = call.state().kernels.find(name);
  if (found == call.state().kernels.end()) return;
  const gpuspan_sim_kernel kernel = found->second;
  call.unlocked([&] { kernel(parameters, grid, block); });
}

Result launch(Call& call, Function handle, const unsigned grid[3], const unsigned block[3], Stream stream_handle,
              void** parameters) {
  for (int i = 0; i < 3; ++i) {
    if (grid[i] == 0 || block[i] == 0) return kInvalidValue;
  }
  FunctionObject* function = nullptr;
  if (const Result result = call.find(call.state().functions, handle, &function)) return result;
  StreamObject* stream = nullptr;
  if (const Result result = call.find_stream(stream_handle, &stream)) return result;
  if (stream->capture == nullptr && !waits_for_capture(call.state(), *stream)) {
    compute(call, function->name, grid, block, parameters);
  }
  if (const Result result = find_stream_with_room(call, stream_handle, &stream)) return result;
  Capture* capture = nullptr;
  if (const Result result = push_command(call, *stream, &capture)) return result;
  const int64_t duration = kernel_duration(call, *stream->context);
  if (capture != nullptr) {
    capture->steps.push_back({duration, nullptr});
  } else {
    submit(call, *stream, duration);
  }
  return kSuccess;
}

Result load(Call& call, Module* module, const void* image) {
  if (module == nullptr || image == nullptr) return kInvalidValue;
  ContextObject* context = nullptr;
  if (const Result result = call.find_current(&context)) return result;
  if (const Result result = check_unsafe(call)) return result;
  ModuleObject* created = call.state().modules.create(context, static_cast<const char*>(image));
  *module = reinterpret_cast<Module>(created);
  return created == nullptr ? kOutOfMemory : kSuccess;
}

Result get_function(Call& call, Function* function, Module handle, const char* name) {
  if (function == nullptr || name == nullptr) return kInvalidValue;
  ModuleObject* module = nullptr;
  if (const Result result = call.find(call.state().modules, handle, &module)) return result;
  if (!module->may_have(name)) return kNotFound;
  FunctionObject*& made = module->functions[name];
  if (made == nullptr) made = call.state().functions.create(name);
  *function = reinterpret_cast<Function>(made);
  return made == nullptr ? kOutOfMemory : kSuccess;
}

// The events of a graph's record nodes are recorded anew at each launch.
void record_steps(Call& call, const std::vector<GraphStep>& steps, const StreamObject& stream,
                  const Placement& placed) {
  int64_t reached = placed.start_ns;
  for (const GraphStep& step : steps) {
    reached += step.duration_ns;
    EventObject* event = nullptr;
    if (step.event == nullptr || call.state().events.find(step.event, &event) != Found::kLive) continue;
    note_record(call.state(), *event, stream, {placed.submitted_ns, reached, reached, placed.visible_ns});
  }
}

Result launch_graph(Call& call, GraphExec handle, Stream stream_handle) {
  StreamObject* stream = nullptr;
  if (const Result result = find_stream_with_room(call, stream_handle, &stream)) return result;
  GraphExecObject* exec = nullptr;
  if (const Result result = call.find(call.state().graph_execs, handle, &exec)) return result;
  Capture* capture = nullptr;
  if (const Result result = push_command(call, *stream, &capture)) return result;
  if (capture != nullptr) {
    capture->steps.insert(capture->steps.end(), exec->steps.begin(), exec->steps.end());
    return kSuccess;
  }
  int64_t duration = 0;
  for (const GraphStep& step : exec->steps) duration += step.duration_ns;
  record_steps(call, exec->steps, *stream, submit(call, *stream, duration));
  return kSuccess;
}

}  // namespace

extern "C" {

Result cuModuleLoadData(Module* module, const void* image) {
  return enter(k_cuModuleLoadData, [&](Call& call) { return load(call, module, image); });
}

Result cuModuleUnload(Module handle) {
  return enter(k_cuModuleUnload, [&](Call& call) -> Result {
    ModuleObject* module = nullptr;
    if (const Result result = call.find(call.state().modules, handle, &module)) return result;
    if (const Result result = check_unsafe(call)) return result;
    for (auto& [name, function] : module->functions) call.state().functions.destroy(function);
    call.state().modules.destroy(module);
    return kSuccess;
  });
}

Result cuModuleGetFunction(Function* function, Module module, const char* name) {
  return enter(k_cuModuleGetFunction, [&](Call& call) { return get_function(call, function, module, name); });
}

Result cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned, Stream stream, void** parameters, void**) {
  const unsigned grid[] = {grid_x, grid_y, grid_z};
  const unsigned block[] = {block_x, block_y, block_z};
  return enter(k_cuLaunchKernel, [&](Call& call) { return launch(call, function, grid, block, stream, parameters); });
}

Result cuLaunchKernel_ptsz(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                           unsigned block_y, unsigned block_z, unsigned, Stream stream, void** parameters, void**) {
  const unsigned grid[] = {grid_x, grid_y, grid_z};
  const unsigned block[] = {block_x, block_y, block_z};
  return enter(k_cuLaunchKernel_ptsz,
               [&](Call& call) { return launch(call, function, grid, block, stream, parameters); });
}

#ifndef GPUSPAN_SIM_OLD
Result cuGraphInstantiateWithFlags(GraphExec* exec, Graph handle, unsigned long long) {
  return enter(k_cuGraphInstantiateWithFlags, [&](Call& call) -> Result {
    if (exec == nullptr) return kInvalidValue;
    GraphObject* graph = nullptr;
    if (const Result result = call.find(call.state().graphs, handle, &graph)) return result;
    GraphExecObject* made = call.state().graph_execs.create(GraphExecObject{graph->steps});
    *exec = reinterpret_cast<GraphExec>(made);
    return made == nullptr ? kOutOfMemory : kSuccess;
  });
}
#endif

Result cuGraphLaunch(GraphExec exec, Stream stream) {
  return enter(k_cuGraphLaunch, [&](Call& call) { return launch_graph(call, exec, stream); });
}

Result cuGraphLaunch_ptsz(GraphExec exec, Stream stream) {
  return enter(k_cuGraphLaunch_ptsz, [&](Call& call) { return launch_graph(call, exec, stream); });
}

Result cuGraphDestroy(Graph handle) {
  return enter(k_cuGraphDestroy, [&](Call& call) -> Result {
    GraphObject* graph = nullptr;
    if (const Result result = call.find(call.state().graphs, handle, &graph)) return result;
    call.state().graphs.destroy(graph);
    return kSuccess;
  });
}

Result cuGraphExecDestroy(GraphExec handle) {
  return enter(k_cuGraphExecDestroy, [&](Call& call) -> Result {
    GraphExecObject* exec = nullptr;
    if (const Result result = call.find(call.state().graph_execs, handle, &exec)) return result;
    call.state().graph_execs.destroy(exec);
    return kSuccess;
  });
}

}  // extern "C"

}  // namespace gpuspan::sim
