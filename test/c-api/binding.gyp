# Two copies of one addon that uses gpuspan.h: what `consumer` finds, `stranger` has not, so the tests can hand a
# request from one module to the other. `details` records attributes, events and so on, and plays a pool of native
# threads. Built by build.mjs, in this folder.
{
  'target_defaults': {
    'include_dirs': ['../../native/include'],
    'defines': ['NAPI_VERSION=8'],
    'cflags': ['-std=c99', '-O2', '-Wall', '-Wextra', '-Wpedantic', '-fvisibility=hidden'],
    'libraries': ['-ldl', '-lpthread'],
  },
  'targets': [
    { 'target_name': 'consumer', 'sources': ['consumer.c', 'opencl.c', 'threads.c'] },
    { 'target_name': 'stranger', 'sources': ['consumer.c', 'opencl.c', 'threads.c'] },
    { 'target_name': 'details', 'sources': ['details.c', 'pool.c'] },
  ],
}
