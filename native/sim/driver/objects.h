// SPDX-License-Identifier: Apache-2.0
//
// What is behind the driver's handles. Times are true times of the host clock's model.
#ifndef GPUSPAN_SIM_DRIVER_OBJECTS_H_
#define GPUSPAN_SIM_DRIVER_OBJECTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../include/gpuspan_sim.h"
#include "../model/stream_timeline.h"
#include "native/gpu/cuda/cuda_types.h"

namespace gpuspan::sim {

struct StreamObject;
struct Capture;

struct ContextObject {
  ContextObject(cuda::Device device, uint64_t id, bool primary) : device(device), id(id), primary(primary) {}

  cuda::Device device;
  uint64_t id;
  bool primary;
  bool active = true;                    // false: destroyed, or a primary context that nobody retains
  uint32_t retained = 0;                 // of a primary context
  cuda::Result sticky = cuda::kSuccess;  // what every call on it returns
  uint64_t incarnation = 0;              // rises with each reset; older streams and events are gone
  ContextOrder order;
  StreamObject* legacy = nullptr;                              // made when first used, as are the per-thread ones
  std::vector<std::pair<uint64_t, StreamObject*>> per_thread;  // by thread number
};

struct StreamObject {
  StreamObject(ContextObject* context, uint64_t id, StreamKind kind, unsigned flags, int priority, size_t queue_depth)
      : context(context),
        incarnation(context->incarnation),
        id(id),
        flags(flags),
        priority(priority),
        timeline(kind, queue_depth) {}

  ContextObject* context;
  uint64_t incarnation;  // of the context when it was made
  uint64_t id;
  unsigned flags;
  int priority;
  StreamTimeline timeline;
  Capture* capture = nullptr;       // that it takes part in
  uint64_t captured_operation = 0;  // its last one in the capture
  uint64_t joined_operation = 0;    // the last one that another stream of the capture waits for
};

// An event's place on a stream.
struct Record {
  uint64_t sequence = 0;
  const void* event = nullptr;
  const void* stream = nullptr;
  uint64_t stream_id = 0;
  cuda::Device device = 0;
  int64_t submitted_ns = 0;
  int64_t reached_ns = 0;  // when the stream reached it
  int64_t visible_ns = 0;  // from when the host can see it
};

struct EventObject {
  enum class State : uint8_t { kNeverRecorded, kRecorded, kCaptured };

  EventObject(ContextObject* context, unsigned flags)
      : context(context), incarnation(context->incarnation), flags(flags) {}

  ContextObject* context;
  uint64_t incarnation;
  unsigned flags;
  State state = State::kNeverRecorded;
  Record record;                              // where kRecorded
  const StreamObject* captured_on = nullptr;  // where kCaptured, this and the next two
  uint64_t capture_id = 0;
  uint64_t captured_operation = 0;  // which operation of that stream it was
};

// A step of a captured graph: time on the stream, or an event recorded at each launch.
struct GraphStep {
  int64_t duration_ns = 0;
  EventObject* event = nullptr;
};

struct GraphObject {
  std::vector<GraphStep> steps;
};

struct GraphExecObject {
  std::vector<GraphStep> steps;
};

struct FunctionObject {
  explicit FunctionObject(std::string name) : name(std::move(name)) {}
  std::string name;
};

struct ModuleObject {
  // Of an image that is text (PTX) the names in it are known; of any other, every name may be in it.
  ModuleObject(ContextObject* context, const char* image) : context(context) {
    const bool is_text = image[0] == '/' || image[0] == '.' || image[0] == '\n' || image[0] == ' ';
    if (is_text) text = image;
  }
  bool may_have(const char* name) const { return text.empty() || text.find(name) != std::string::npos; }

  ContextObject* context;
  std::string text;
  std::map<std::string, FunctionObject*> functions;  // that were asked for
};

// One capture sequence, from cuStreamBeginCapture to cuStreamEndCapture.
struct Capture {
  uint64_t id = 0;
  uint64_t thread = 0;  // that began it
  cuda::CaptureMode mode = cuda::kCaptureGlobal;
  bool invalidated = false;
  StreamObject* origin = nullptr;
  std::vector<StreamObject*> streams;  // all that take part, the origin first
  std::vector<GraphStep> steps;
  uint64_t operations = 0;
};

}  // namespace gpuspan::sim

#endif  // GPUSPAN_SIM_DRIVER_OBJECTS_H_
