// SPDX-License-Identifier: Apache-2.0
//
// What the decoders of a Perfetto trace throw for bytes that are no packet, and PerfettoTrace catches. A class of its own:
// what whoever takes the spans throws is no fault of the file.

export class BadPacket extends Error {}
