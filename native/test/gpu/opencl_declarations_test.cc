// SPDX-License-Identifier: Apache-2.0
//
// Our OpenCL declarations against the real headers, at compile time: this file compiles only if every constant, type
// and signature agrees. Where the headers are not installed CMake leaves it out and says so (an error with
// GPUSPAN_REQUIRE_OPENCL_HEADERS).
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "native/gpu/opencl/opencl_api.h"

namespace gpuspan::opencl {
namespace {

static_assert(std::is_same_v<Status, cl_int> && sizeof(Status) == 4);
static_assert(std::is_same_v<Unsigned, cl_uint> && sizeof(Unsigned) == 4);
static_assert(std::is_same_v<Bitfield, cl_bitfield> && sizeof(Bitfield) == 8);
static_assert(std::is_same_v<Bitfield, cl_command_queue_properties> && std::is_same_v<Bitfield, cl_device_type>);
static_assert(std::is_same_v<uint64_t, cl_ulong>);
static_assert(std::is_same_v<Info, cl_platform_info> && std::is_same_v<Info, cl_device_info>);
static_assert(std::is_same_v<Info, cl_context_info> && std::is_same_v<Info, cl_command_queue_info>);
static_assert(std::is_same_v<Info, cl_event_info> && std::is_same_v<Info, cl_profiling_info>);
static_assert(std::is_same_v<Platform, cl_platform_id> && std::is_same_v<Device, cl_device_id>);
static_assert(std::is_same_v<Context, cl_context> && std::is_same_v<Queue, cl_command_queue>);
static_assert(std::is_same_v<Event, cl_event> && sizeof(Event) == 8);

static_assert(kSuccess == CL_SUCCESS);
static_assert(kInvalidContext == CL_INVALID_CONTEXT);
static_assert(kPlatformNotFound == CL_PLATFORM_NOT_FOUND_KHR);
static_assert(kComplete == CL_COMPLETE && kRunning == CL_RUNNING);
static_assert(kSubmitted == CL_SUBMITTED && kQueued == CL_QUEUED);
static_assert(kDeviceTypeAll == CL_DEVICE_TYPE_ALL);
static_assert(kQueueOutOfOrder == CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
static_assert(kQueueProfiling == CL_QUEUE_PROFILING_ENABLE);
static_assert(kPlatformName == CL_PLATFORM_NAME);
static_assert(kDeviceTimerResolution == CL_DEVICE_PROFILING_TIMER_RESOLUTION);
static_assert(kDeviceName == CL_DEVICE_NAME && kDeviceVersion == CL_DEVICE_VERSION);
static_assert(kDeviceParent == CL_DEVICE_PARENT_DEVICE);
static_assert(kContextDevices == CL_CONTEXT_DEVICES);
static_assert(kQueueContext == CL_QUEUE_CONTEXT && kQueueDevice == CL_QUEUE_DEVICE);
static_assert(kQueueProperties == CL_QUEUE_PROPERTIES);
static_assert(kEventStatus == CL_EVENT_COMMAND_EXECUTION_STATUS);
static_assert(kProfilingQueued == CL_PROFILING_COMMAND_QUEUED);
static_assert(kProfilingEnd == CL_PROFILING_COMMAND_END);

// Member and header declare one type of function.
template <auto Member, typename Real>
constexpr bool kSame = std::is_same_v<std::remove_reference_t<decltype(std::declval<Api&>().*Member)>, Real*>;

static_assert(kSame<&Api::get_platform_ids, decltype(clGetPlatformIDs)>);
static_assert(kSame<&Api::get_platform_info, decltype(clGetPlatformInfo)>);
static_assert(kSame<&Api::get_device_ids, decltype(clGetDeviceIDs)>);
static_assert(kSame<&Api::get_device_info, decltype(clGetDeviceInfo)>);
static_assert(kSame<&Api::get_context_info, decltype(clGetContextInfo)>);
static_assert(kSame<&Api::get_queue_info, decltype(clGetCommandQueueInfo)>);
static_assert(kSame<&Api::retain_queue, decltype(clRetainCommandQueue)>);
static_assert(kSame<&Api::release_queue, decltype(clReleaseCommandQueue)>);
static_assert(kSame<&Api::enqueue_marker, decltype(clEnqueueMarkerWithWaitList)>);
static_assert(kSame<&Api::flush, decltype(clFlush)>);
static_assert(kSame<&Api::get_event_info, decltype(clGetEventInfo)>);
static_assert(kSame<&Api::get_profiling_info, decltype(clGetEventProfilingInfo)>);
static_assert(kSame<&Api::release_event, decltype(clReleaseEvent)>);

TEST(OpenClDeclarations, CoverEveryFunctionOfTheTable) {
  // A function added to the table without a line above changes the size.
  EXPECT_EQ(sizeof(Api), 13 * sizeof(void*));
}

}  // namespace
}  // namespace gpuspan::opencl
