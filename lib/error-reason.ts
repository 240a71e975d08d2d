// SPDX-License-Identifier: Apache-2.0
//
// What a span says of the reason why something failed: anything that an application throws or gives to `abort`.

/** Its message and, of an Error, its type. Never throws, whatever the getters of `reason` do. */
export function describeReason(reason: unknown): { message: string; type?: string } {
  try {
    if (!(reason instanceof Error)) return { message: String(reason) };
    return { message: String(reason.message), type: describeType(reason) };
  } catch {
    return { message: 'a reason that cannot be shown' };
  }
}

function describeType(error: Error): string {
  try {
    return String(error.name);
  } catch {
    return 'Error';
  }
}
