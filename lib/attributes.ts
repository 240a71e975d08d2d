// SPDX-License-Identifier: Apache-2.0
//
// What attributes and batch columns are, and how many bytes of them fit. Used by everything that takes them; the
// encoding is lib/payload-encoder.ts.

/** What an attribute can be. null and undefined are skipped; anything else is dropped and flagged. */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | readonly string[]
  | readonly number[]
  | null
  | undefined;

/** Attributes of a slice, an event, a request or a batch. Keys should be few and low in cardinality. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Per attribute one number for each member of the batch, in the order in which the members were given. */
export type Columns = Readonly<Record<string, ArrayLike<number>>>;

/** Payload of a slice: 15 continuation slots, of an owner (request, worker span, batch): 64. The count takes a byte. */
export const SLICE_LIMIT = 15 * 64 - 1;
export const OWNER_LIMIT = 64 * 64 - 1;
/** Attributes of an event: it is itself an item of a slice, with a header. */
export const EVENT_LIMIT = SLICE_LIMIT - 16;

/** Attributes with these keys say that something was left out or cut. */
export const DROPPED_KEY = 'gpuspan.dropped_attributes';
export const TRUNCATED_KEY = 'gpuspan.truncated';
