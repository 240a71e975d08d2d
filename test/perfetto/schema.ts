// SPDX-License-Identifier: Apache-2.0
//
// The part of Perfetto's trace format that the tests decode. Names, numbers and types are those of the .proto files in
// github.com/google/perfetto, protos/perfetto/trace/: trace.proto, trace_packet.proto, clock_snapshot.proto,
// trace_packet_defaults.proto, interned_data/interned_data.proto and track_event/ (track_event, track_descriptor,
// process_descriptor, counter_descriptor, debug_annotation). Nothing here is taken from the writer.

import protobuf from 'protobufjs';

const SCHEMA = `
syntax = "proto2";
message Trace { repeated TracePacket packet = 1; }
message TracePacket {
  optional uint64 timestamp = 8;
  optional uint32 timestamp_clock_id = 58;
  oneof data {
    ClockSnapshot clock_snapshot = 6;
    TrackEvent track_event = 11;
    TrackDescriptor track_descriptor = 60;
  }
  optional uint32 trusted_packet_sequence_id = 10;
  optional InternedData interned_data = 12;
  optional uint32 sequence_flags = 13;
  optional TracePacketDefaults trace_packet_defaults = 59;
  optional bool first_packet_on_sequence = 87;
}
message TracePacketDefaults { optional uint32 timestamp_clock_id = 58; }
message ClockSnapshot {
  message Clock {
    optional uint32 clock_id = 1;
    optional uint64 timestamp = 2;
    optional bool is_incremental = 3;
    optional uint64 unit_multiplier_ns = 4;
  }
  repeated Clock clocks = 1;
  optional int32 primary_trace_clock = 2;
}
message InternedData {
  repeated EventCategory event_categories = 1;
  repeated EventName event_names = 2;
  repeated DebugAnnotationName debug_annotation_names = 3;
}
message EventCategory { optional uint64 iid = 1; optional string name = 2; }
message EventName { optional uint64 iid = 1; optional string name = 2; }
message DebugAnnotationName { optional uint64 iid = 1; optional string name = 2; }
message TrackEvent {
  repeated uint64 category_iids = 3;
  repeated string categories = 22;
  oneof name_field { uint64 name_iid = 10; string name = 23; }
  optional int32 type = 9;
  optional uint64 track_uuid = 11;
  oneof counter_value_field { int64 counter_value = 30; double double_counter_value = 44; }
  repeated fixed64 flow_ids = 47;
  repeated DebugAnnotation debug_annotations = 4;
}
message DebugAnnotation {
  oneof name_field { uint64 name_iid = 1; string name = 10; }
  oneof value {
    bool bool_value = 2;
    uint64 uint_value = 3;
    int64 int_value = 4;
    double double_value = 5;
    string string_value = 6;
  }
  repeated DebugAnnotation dict_entries = 11;
  repeated DebugAnnotation array_values = 12;
}
message TrackDescriptor {
  optional uint64 uuid = 1;
  optional uint64 parent_uuid = 5;
  optional string name = 2;
  optional ProcessDescriptor process = 3;
  optional CounterDescriptor counter = 8;
  optional int32 child_ordering = 11;
  optional int32 sibling_order_rank = 12;
  optional int32 sibling_merge_behavior = 15;
}
message ProcessDescriptor {
  optional int32 pid = 1;
  optional string process_name = 6;
  optional int64 start_timestamp_ns = 7;
}
message CounterDescriptor { optional int32 unit = 3; optional string unit_name = 6; }
`;

const Trace = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('Trace');

export interface Annotation {
  name_iid?: string;
  name?: string;
  bool_value?: boolean;
  int_value?: string;
  double_value?: number;
  string_value?: string;
  array_values?: Annotation[];
}

interface Interned {
  iid: string;
  name: string;
}

export interface Packet {
  timestamp?: string;
  trusted_packet_sequence_id?: number;
  sequence_flags?: number;
  trace_packet_defaults?: { timestamp_clock_id: number };
  interned_data?: { event_categories?: Interned[]; event_names?: Interned[]; debug_annotation_names?: Interned[] };
  clock_snapshot?: { clocks: { clock_id: number; timestamp: string }[]; primary_trace_clock: number };
  track_event?: {
    type: number;
    track_uuid: string;
    name_iid?: string;
    name?: string;
    category_iids?: string[];
    counter_value?: string;
    double_counter_value?: number;
    flow_ids?: string[];
    debug_annotations?: Annotation[];
  };
  track_descriptor?: {
    uuid: string;
    parent_uuid?: string;
    name: string;
    process?: { pid: number; process_name: string };
    counter?: { unit_name: string };
    sibling_order_rank?: number;
  };
}

/** The packets of a trace, absent fields absent, 64-bit numbers as decimal text. Throws when `bytes` are no trace. */
export function decodePackets(bytes: Uint8Array): Packet[] {
  const trace = Trace.decode(bytes);
  return (Trace.toObject(trace, { longs: String }) as { packet?: Packet[] }).packet ?? [];
}
