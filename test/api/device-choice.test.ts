// SPDX-License-Identifier: Apache-2.0
//
// Hosts and settings without a device to time: streams are inert and say why, and everything else records on. Each
// case in a process of its own, with the real addon.
import { expect, it } from 'vitest';
import { runProgram } from './child';

const ON = { GPUSPAN: '1', OTEL_TRACES_EXPORTER: 'none', GPUSPAN_RING_SLOTS: '1024' };

const PROGRAM = `
  import { defineStages, start } from 'gpuspan';
  const { host, device } = defineStages('choice', { host: { level: 1 }, device: { level: 1 } });
  const tracer = start();
  const gpu = tracer.gpu();
  const stream = gpu.stream(1n);
  const request = tracer.request();
  request.slice(host, () => request.endGpu(request.beginGpu(device, stream)));
  const batch = tracer.batch([request]);
  batch.endGpu(batch.beginGpu(device, stream), { a: 1 }, { b: [1] });
  batch.end();
  request.finish();
  const { recorded, lost } = tracer.stats();
  print({ source: gpu.source, reason: gpu.reason, same: stream.reason === gpu.reason, recorded, lost });
`;

// An OpenCL loader that finds no vendors is a host without OpenCL.
const NO_DRIVER = { GPUSPAN_CUDA_LIBRARY: '/nonexistent/libcuda.so.1' };
const NO_OPENCL = { OCL_ICD_VENDORS: '/dev/null', OPENCL_VENDOR_PATH: '/dev/null' };

it.each([
  ['GPUSPAN_DEVICE=cuda without a driver', { GPUSPAN_DEVICE: 'cuda', ...NO_DRIVER }, /^no CUDA driver \(\/nonex/, 1],
  ['GPUSPAN_DEVICE=sim without a simulator', { GPUSPAN_DEVICE: 'sim' }, /needs GPUSPAN_CUDA_LIBRARY/, 1],
  ['GPUSPAN_DEVICE=opencl without an OpenCL device', { GPUSPAN_DEVICE: 'opencl', ...NO_OPENCL }, /OpenCL/, 1],
  ['no setting and no device', { ...NO_DRIVER, ...NO_OPENCL }, /no GPU can be timed: .*OpenCL.*GPUSPAN_DEVICE=none/, 1],
  ['GPUSPAN_DEVICE=none, without a warning', { GPUSPAN_DEVICE: 'none' }, /^GPUSPAN_DEVICE=none$/, 0],
])('gives streams that say why they record nothing with %s', async (_, env, reason, warnings) => {
  const { output, stderr, code } = await runProgram(PROGRAM, { ...ON, ...env });
  expect(output).toEqual({
    source: '',
    reason: expect.stringMatching(reason),
    same: true,
    recorded: 3,
    lost: { gpu_device: 2 },
  });
  expect(stderr.match(/GpuspanWarning: GPU slices are not recorded/g) ?? []).toHaveLength(warnings);
  expect(code, stderr).toBe(0);
});
