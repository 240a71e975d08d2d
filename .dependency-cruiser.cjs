// SPDX-License-Identifier: Apache-2.0
//
// Which TypeScript may import which: sinks -> otlp, perfetto -> spans -> timeline -> segment, OpenTelemetry at run time in lib/otel/
// alone, the addon's loader in lib/native.ts alone. Run by scripts/lint.mjs; test/repository/ proves that it fires.
const layer = (name) => `^lib/${name}/`;

module.exports = {
  forbidden: [
    {
      name: 'segment-is-the-bottom',
      severity: 'error',
      from: { path: layer('segment') },
      to: { path: '^lib/', pathNot: [layer('segment'), '^lib/(native|errors)\\.ts$'] },
    },
    {
      name: 'timeline-knows-only-the-segment',
      severity: 'error',
      from: { path: layer('timeline') },
      to: { path: '^lib/', pathNot: [layer('(segment|timeline)')] },
    },
    {
      name: 'spans-know-no-sinks-and-no-addon',
      severity: 'error',
      from: { path: layer('spans') },
      to: { path: '^lib/', pathNot: [layer('(segment|timeline|spans)')], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'otlp-knows-spans-and-what-they-know',
      severity: 'error',
      from: { path: layer('otlp') },
      to: { path: '^lib/', pathNot: [layer('(segment|timeline|spans|protobuf|otlp)')] },
    },
    {
      name: 'perfetto-knows-spans-and-what-they-know',
      severity: 'error',
      from: { path: layer('perfetto') },
      to: { path: '^lib/', pathNot: [layer('(segment|timeline|spans|protobuf|perfetto)')] },
    },
    {
      name: 'protobuf-knows-nothing',
      severity: 'error',
      from: { path: layer('protobuf') },
      to: { path: '^lib/', pathNot: [layer('protobuf')] },
    },
    {
      name: 'sinks-know-no-tracer',
      severity: 'error',
      from: { path: layer('(sinks|otel|testing)') },
      to: { path: '^lib/(index|tracer|request|batch|gpu|carrier)\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'opentelemetry-only-in-otel',
      severity: 'error',
      comment: 'recording works without it; elsewhere: import type',
      from: { path: '^lib/', pathNot: [layer('otel')] },
      to: { path: '@opentelemetry/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one-addon-loader',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/native\\.ts$'] },
      to: { path: 'node-gyp-build' },
    },
    {
      name: 'no-development-dependency-at-run-time',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^lib/' },
      to: { couldNotResolve: true, dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: true,
  },
};
