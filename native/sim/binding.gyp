# SPDX-License-Identifier: Apache-2.0
#
# The simulated CUDA driver for programs that open it at run time, such as the demo: `npx node-gyp rebuild` in this folder
# makes build/Release/libgpuspan_sim_cuda.so. Tests build it with CMake. No addon, and no part of the package.
{
  'targets': [
    {
      'target_name': 'gpuspan_sim_cuda',
      'product_prefix': 'lib',
      'sources': ['<!@(node -p "[\'model\', \'driver\'].flatMap((folder) => fs.readdirSync(folder).filter((name) => name.endsWith(\'.cc\')).map((name) => path.join(folder, name))).join(\' \')")'],
      'include_dirs': ['../..'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-Wall', '-Wextra', '-Wpedantic', '-Werror'],
      'ldflags': ['-Wl,-z,nodelete', '-Wl,-Bsymbolic', '-Wl,--version-script=<(module_root_dir)/exports.map'],
      'libraries': ['-ldl', '-lpthread'],
    },
    {
      # node-gyp calls every module .node.
      'target_name': 'named_as_a_library',
      'type': 'none',
      'dependencies': ['gpuspan_sim_cuda'],
      'actions': [
        {
          'action_name': 'copy',
          'inputs': ['<(PRODUCT_DIR)/libgpuspan_sim_cuda.node'],
          'outputs': ['<(PRODUCT_DIR)/libgpuspan_sim_cuda.so'],
          'action': ['cp', '<@(_inputs)', '<@(_outputs)'],
        }
      ],
    }
  ]
}
