// SPDX-License-Identifier: Apache-2.0
//
// The one error class. It is thrown for programming mistakes at set-up (options, stages, batches, streams), on the
// caller's thread, and never by anything that records. Every code has its cause and fix in docs/errors.md.

/** All codes, in the order of docs/errors.md. */
export const ERROR_CODES = [
  'GPUSPAN_OPTION',
  'GPUSPAN_STARTED',
  'GPUSPAN_STAGE',
  'GPUSPAN_BATCH',
  'GPUSPAN_STREAM',
  'GPUSPAN_SEGMENT',
  'GPUSPAN_LANE',
] as const;

/** Stable: programs may compare with it. */
export type GpuspanErrorCode = (typeof ERROR_CODES)[number];

/** A mistake at set-up. `code` is stable, the message names what was wrong, its value and what is accepted. */
export class GpuspanError extends Error {
  readonly code: GpuspanErrorCode;

  constructor(code: GpuspanErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GpuspanError';
    this.code = code;
  }
}

/** The addon throws plain errors with a `code`; users see one class. Anything else is passed on as it is. */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const code = ERROR_CODES.find((known) => known === error.code);
  return code === undefined ? error : new GpuspanError(code, error.message, { cause: error });
}
