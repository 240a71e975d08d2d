// SPDX-License-Identifier: Apache-2.0
//
// `gpuspan/sglang`: lets a Node worker join a trace of SGLang's. Loads neither the addon nor OpenTelemetry.
export { parseExactJson, stringifyExactJson } from './exact-json';
export { fromSglangHeader, toSglangHeader } from './header';
export {
  fromSglang,
  SGLANG_REFUSALS,
  type SglangDefaults,
  type SglangReading,
  type SglangRefusal,
  toSglang,
} from './state';
