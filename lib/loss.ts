// SPDX-License-Identifier: Apache-2.0
//
// The loss reasons that JavaScript itself counts, as `native.lose` takes them. The numbers are those of `Loss` in
// native/core/layout.h (a test compares them); names for output come from the addon.

export const Loss = {
  /** After finish, leave or shutdown. */
  closed: 6,
  /** No device, or none for this stream. */
  gpuDevice: 9,
  /** An argument that the record path cannot take. */
  invalid: 14,
} as const;

export type LossReason = (typeof Loss)[keyof typeof Loss];
