// SPDX-License-Identifier: Apache-2.0
//
// Set-up functions from JavaScript: the segment, this environment's lane, names, settings, the C table's address.
// Bad arguments throw with a `code`; nothing is taken before every argument has been checked.
#include "../process/c_api.h"
#include "arguments.h"

namespace gpuspan {
namespace {

// Reads the properties of an options object; the first that is wrong is kept for the error.
class Options {
 public:
  Options(const Napi::CallbackInfo& call, const char* name) : env_(call.Env()) {
    if (call[0].IsObject()) {
      object_ = call[0].As<Napi::Object>();
    } else {
      problem_ = std::string(name) + " must be an object";
    }
  }

  Napi::Value get(const char* name) {
    if (object_.IsEmpty()) return env_.Undefined();
    napi_value value = nullptr;
    if (napi_get_named_property(env_, object_, name, &value) != napi_ok) return env_.Undefined();
    return Napi::Value(env_, value);
  }
  std::string text(const char* name) {
    const Napi::Value value = get(name);
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    complain(name, "must be a string");
    return {};
  }
  int64_t integer(const char* name, int64_t low, int64_t high) {
    const Napi::Value value = get(name);
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : static_cast<double>(low) - 1;
    if (number >= static_cast<double>(low) && number <= static_cast<double>(high) &&
        static_cast<double>(static_cast<int64_t>(number)) == number) {
      return static_cast<int64_t>(number);
    }
    complain(name, "must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return low;
  }
  // The index of the text among `names`.
  size_t choice(const char* name, std::span<const char* const> names) {
    const std::string value = text(name);
    std::string list;
    for (size_t i = 0; i < names.size(); ++i) {
      if (value == names[i]) return i;
      list += std::string(i == 0 ? "" : ", ") + names[i];
    }
    complain(name, "must be one of " + list);
    return 0;
  }
  void complain(const char* name, const std::string& what) {
    if (problem_.empty()) problem_ = std::string(name) + " " + what;
  }
  const std::string& problem() const { return problem_; }

 private:
  Napi::Env env_;
  Napi::Object object_;
  std::string problem_;
};

constexpr const char* kClocks[] = {"auto", "tsc", "monotonic"};                       // ClockChoice
constexpr const char* kDevices[] = {"auto", "cuda", "opencl", "sim", "none"};         // DeviceChoice
constexpr const char* kEntryKinds[] = {"module", "stage", "event", "key", "string"};  // EntryKind - 1

// undefined: all of them. False for what is no list of names.
bool read_modules(const Napi::Value& value, ModuleFilter* result) {
  if (value.IsUndefined()) return true;
  if (!value.IsArray()) return false;
  const auto array = value.As<Napi::Array>();
  result->all = false;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value module = array.Get(i);
    if (!module.IsString()) return false;
    result->names.push_back(module.As<Napi::String>().Utf8Value());
  }
  return true;
}

const char* clock_name(ClockKind kind) {
  switch (kind) {
    case ClockKind::kTsc:
      return "tsc";
    case ClockKind::kCntvct:
      return "cntvct";
    case ClockKind::kMonotonic:
      break;
  }
  return "monotonic";
}

Napi::Value open(const Napi::CallbackInfo& call, Environment&) {
  Options options(call, "config");
  ProcessOptions result;
  result.segment.lanes = static_cast<uint32_t>(options.integer("lanes", 2, kMaxLanes));
  result.segment.ring_slots = static_cast<uint32_t>(options.integer("ringSlots", 64, 1 << 24));
  result.segment.request_ttl_millis = static_cast<uint32_t>(options.integer("requestTtlMillis", 0, INT32_MAX));
  result.segment.clock = static_cast<ClockChoice>(options.choice("clock", kClocks));
  result.segment.directory = options.text("directory");
  result.device.choice = static_cast<DeviceChoice>(options.choice("device", kDevices));
  result.device.cuda_library = options.text("cudaLibrary");
  if (!read_modules(options.get("modules"), &result.modules)) {
    options.complain("modules", "must be an array of strings");
  }
  if ((result.segment.ring_slots & (result.segment.ring_slots - 1)) != 0) {
    options.complain("ringSlots", "must be a power of two");
  }
  if (!options.problem().empty()) return fail(call.Env(), kBadArgument, options.problem());
  bool created = false;
  std::string error;
  Process& process = Process::get();
  if (!process.open(result, &created, &error)) return fail(call.Env(), "GPUSPAN_SEGMENT", error);
  Napi::Object object = Napi::Object::New(call.Env());
  object.Set("created", created);
  object.Set("clock", clock_name(process.segment()->clock().kind()));
  object.Set("clockReason", process.clock_reason());
  return object;
}

Napi::Value attach(const Napi::CallbackInfo& call, Environment& environment) {
  Options options(call, "identity");
  LaneIdentity identity;
  const std::string label = options.text("label");
  identity.worker_threads_id = static_cast<int32_t>(options.integer("threadId", -1, INT32_MAX));
  identity.tp_rank = static_cast<int16_t>(options.integer("tpRank", -1, INT16_MAX));
  identity.pp_rank = static_cast<int16_t>(options.integer("ppRank", -1, INT16_MAX));
  identity.dp_rank = static_cast<int16_t>(options.integer("dpRank", -1, INT16_MAX));
  identity.ep_rank = static_cast<int16_t>(options.integer("epRank", -1, INT16_MAX));
  identity.gpu_index = static_cast<uint32_t>(options.integer("gpuIndex", -1, INT32_MAX));
  const std::string gpu_uuid = options.text("gpuUuid");
  if (!options.problem().empty()) return fail(call.Env(), kBadArgument, options.problem());
  Segment* segment = Process::get().segment();
  const auto intern = [segment](const std::string& text) -> uint16_t {
    if (segment == nullptr || text.empty()) return 0;
    return segment->dictionary().intern(EntryKind::kString, 0, 0, text).id;
  };
  identity.label = intern(label);
  identity.gpu_uuid = intern(gpu_uuid);
  std::string error;
  if (!environment.attach(identity, &error)) return fail(call.Env(), "GPUSPAN_LANE", error);
  const napi_value scratch = environment.scratch_buffer(call.Env());
  if (scratch == nullptr) return fail(call.Env(), "GPUSPAN_LANE", "the runtime refused the scratch buffer");
  Napi::Object object = Napi::Object::New(call.Env());
  object.Set("lane", environment.producer().lane());
  object.Set("scratch", scratch);
  return object;
}

Napi::Value environment_id(const Napi::CallbackInfo& call, Environment& environment) {
  return Napi::Number::New(call.Env(), static_cast<double>(environment.id()));
}

Napi::Value intern(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  if (segment == nullptr) return fail(call.Env(), "GPUSPAN_SEGMENT", "there is no segment; call open first");
  const std::string kind = call[0].IsString() ? call[0].As<Napi::String>().Utf8Value() : "";
  size_t index = 0;
  while (index < std::size(kEntryKinds) && kind != kEntryKinds[index]) ++index;
  int32_t module = -1, level = -1;
  napi_get_value_int32(call.Env(), call[1], &module);
  napi_get_value_int32(call.Env(), call[2], &level);
  if (index == std::size(kEntryKinds) || module < 0 || module >= static_cast<int32_t>(kDictionaryCapacity) ||
      level < 0 || level > 4 || !call[3].IsString()) {
    return fail(call.Env(), kBadArgument, "intern takes (kind, module id, level from 0 to 4, text)");
  }
  const auto entry_kind = static_cast<EntryKind>(index + 1);
  const std::string text = call[3].As<Napi::String>().Utf8Value();
  const bool gated = entry_kind == EntryKind::kStage || entry_kind == EntryKind::kEvent;
  Dictionary& dictionary = segment->dictionary();
  const auto module_id = static_cast<uint16_t>(module);
  const auto declared_level = static_cast<uint8_t>(level);
  const Dictionary::Interned interned =
      gated ? Process::get().settings().declare(dictionary, entry_kind, module_id, declared_level, text)
            : dictionary.intern(entry_kind, module_id, declared_level, text);
  Napi::Object object = Napi::Object::New(call.Env());
  object.Set("id", interned.id);
  object.Set("level", interned.level);
  object.Set("conflict", interned.conflict);
  return object;
}

// `apply`: this environment follows what it is given.
Napi::Value read_settings(const Napi::CallbackInfo& call, Environment& environment) {
  const Napi::Env env = call.Env();
  const Settings::Values values = Process::get().settings().read();
  if (call[0].ToBoolean().Value()) environment.settings_applied(values.generation);
  Napi::Object object = Napi::Object::New(env);
  if (values.level_set) object.Set("level", values.level);
  if (!values.modules_set) return object;
  if (values.modules.all) {
    object.Set("modules", env.Null());
    return object;
  }
  Napi::Array names = Napi::Array::New(env);
  uint32_t count = 0;
  for (const std::string& name : values.modules.names) names.Set(count++, name);
  object.Set("modules", names);
  return object;
}

Napi::Value settings_changed(const Napi::CallbackInfo& call, Environment& environment) {
  return Napi::Boolean::New(call.Env(), environment.settings_changed());
}

Napi::Value set_level(const Napi::CallbackInfo& call, Environment&) {
  int32_t level = -1;
  napi_get_value_int32(call.Env(), call[0], &level);
  if (level < 0 || level > 4) return fail(call.Env(), kBadArgument, "setLevel takes a level from 0 to 4");
  Process::get().settings().set_level(static_cast<uint8_t>(level));
  return call.Env().Undefined();
}

Napi::Value set_modules(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  ModuleFilter modules;
  if (segment == nullptr || !read_modules(call[0], &modules)) {
    return fail(call.Env(), kBadArgument, "setModules takes an array of strings, and a segment must be open");
  }
  Napi::Array unknown = Napi::Array::New(call.Env());
  uint32_t count = 0;
  for (const std::string& name : Process::get().settings().set_modules(std::move(modules), segment->dictionary())) {
    unknown.Set(count++, name);
  }
  return unknown;
}

Napi::Value unknown_modules(const Napi::CallbackInfo& call, Environment&) {
  Segment* segment = Process::get().segment();
  ModuleFilter modules;
  if (segment == nullptr || !read_modules(call[0], &modules)) {
    return fail(call.Env(), kBadArgument, "unknownModules takes an array of strings, and a segment must be open");
  }
  Napi::Array unknown = Napi::Array::New(call.Env());
  uint32_t count = 0;
  for (const std::string& name : unknown_names(modules, segment->dictionary())) unknown.Set(count++, name);
  return unknown;
}

Napi::Value api_address(const Napi::CallbackInfo& call, Environment&) {
  return Napi::BigInt::New(call.Env(), static_cast<uint64_t>(reinterpret_cast<uintptr_t>(gpuspan_get_api_v1())));
}

Napi::Value close_lane(const Napi::CallbackInfo& call, Environment& environment) {
  environment.producer().close();
  return call.Env().Undefined();
}

// False once the lane is closed: nothing will expire any more.
Napi::Value expire_requests(const Napi::CallbackInfo& call, Environment& environment) {
  Recorder* const recorder = environment.recorder();
  if (recorder != nullptr) recorder->expire();
  return Napi::Boolean::New(call.Env(), recorder != nullptr);
}

Napi::Value first_to(const Napi::CallbackInfo& call, Environment&) {
  if (!call[0].IsString()) return fail(call.Env(), kBadArgument, "firstTo takes a topic");
  return Napi::Boolean::New(call.Env(), Process::get().first_to(call[0].As<Napi::String>().Utf8Value()));
}

Napi::Value last_words(const Napi::CallbackInfo& call, Environment&) {
  if (!call[0].IsString()) return fail(call.Env(), kBadArgument, "lastWords takes a text");
  Process::get().set_last_words(call[0].As<Napi::String>().Utf8Value());
  return call.Env().Undefined();
}

constexpr Binding kBindings[] = {
    {"open", setup<open>},
    {"attach", setup<attach>},
    {"environment", setup<environment_id>},
    {"intern", setup<intern>},
    {"settings", setup<read_settings>},
    {"settingsChanged", setup<settings_changed>},
    {"setLevel", setup<set_level>},
    {"setModules", setup<set_modules>},
    {"unknownModules", setup<unknown_modules>},
    {"apiAddress", setup<api_address>},
    {"closeLane", setup<close_lane>},
    {"expireRequests", setup<expire_requests>},
    {"firstTo", setup<first_to>},
    {"lastWords", setup<last_words>},
};

}  // namespace

std::span<const Binding> setup_bindings() { return kBindings; }

}  // namespace gpuspan
