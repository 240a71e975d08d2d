// SPDX-License-Identifier: Apache-2.0
//
// The body of a worker_thread that records ten requests and ends.
const { recordRequests, startTracing } = require('./record.cjs');

recordRequests(startTracing(), 10, 5);
