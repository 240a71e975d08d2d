# SPDX-License-Identifier: Apache-2.0
# The example's device: OpenCL or CUDA through dlopen, or threads. gpuspan.h is header-only, so there is nothing to link.
{
  'targets': [
    {
      'target_name': 'text_server_device',
      'sources': [
        'addon.cc',
        'cuda_device.cc',
        'cuda_library.cc',
        'opencl_device.cc',
        'opencl_library.cc',
        'simulated_kernels.cc',
        'thread_device.cc',
      ],
      'include_dirs': [
        '<!(node -p "require(\'node-addon-api\').include_dir")',
        '<!(node -p "path.dirname(require.resolve(\'gpuspan/gpuspan.h\'))")',
      ],
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_DEPRECATED', 'NAPI_DISABLE_CPP_EXCEPTIONS'],
      'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fvisibility=hidden'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'libraries': ['-ldl', '-pthread'],
    }
  ]
}
