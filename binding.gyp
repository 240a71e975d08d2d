# The build that ships: `npx node-gyp rebuild`, and prebuildify through it. Sources come from native/sources.json,
# which CMakeLists.txt reads too. Command line variables (`node-gyp rebuild --sanitize=address`):
#   sanitize  'address' or 'thread': instruments the addon; preload the sanitizer's library into node to load it
{
  'variables': {
    'sanitize%': '',
  },
  'targets': [
    {
      'target_name': 'gpuspan',
      'sources': [
        '<!@(node -p "const lists = require(require(\'path\').resolve(\'native/sources.json\')); [...lists.core, ...lists.gpu, ...lists.process, ...lists.node].join(\' \')")',
      ],
      'include_dirs': ['<!(node -p "require(require.resolve(\'node-addon-api\', { paths: [\'.\'] })).include_dir")'],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags!': ['-fno-omit-frame-pointer'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti'],
      'cflags': ['-fvisibility=hidden', '-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra', '-Wno-cast-function-type', '-Wno-restrict'],
      'conditions': [
        ['OS == "linux"', {
          # nodelete: threads, the C function table and the resolver outlive the environment that loaded the addon.
          # Bsymbolic and exclude-libs: nothing of ours is replaced by, or replaces, another library's symbol.
          'ldflags': ['-Wl,-z,nodelete', '-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now',
                      '-Wl,--version-script=<(module_root_dir)/native/node/exports.map'],
          'libraries': ['-ldl', '-lpthread'],
        }],
        # The C API finds its thread's recorder through TLS descriptors: no call on the fast path.
        ['target_arch == "x64"', { 'cflags': ['-mtls-dialect=gnu2'] }],
        ['sanitize != ""', {
          'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g1'],
          'ldflags': ['-fsanitize=<(sanitize)'],
        }],
        ['sanitize == "address"', {
          'cflags': ['-fsanitize=undefined', '-fno-sanitize-recover=undefined'],
          'ldflags': ['-fsanitize=undefined'],
        }],
      ],
    },
  ],
}
