// SPDX-License-Identifier: Apache-2.0
//
// Hands what the demo's receiver gets on to the user's own collector (OTEL_EXPORTER_OTLP_ENDPOINT), as OTLP/HTTP JSON.
// Called by demo.mjs.

const TIMEOUT_MILLIS = 5_000;

/** @param {string} endpoint */
export function forwardTo(endpoint, headers = process.env.OTEL_EXPORTER_OTLP_HEADERS ?? '') {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const extra = parseHeaders(headers);
  /** @type {Promise<string | undefined>[]} */
  const sent = [];
  return {
    url,
    /** @param {import('gpuspan/testing').OtlpRequest} request */
    write: (request) => void sent.push(post(url, extra, request)),
    /** Resolves to what went wrong first, or undefined. */
    problem: async () => (await Promise.all(sent)).find((problem) => problem !== undefined),
  };
}

/** `name=value,name=value`, percent-encoded; a value may hold `=` itself. What is neither is passed over. */
function parseHeaders(text) {
  const extra = {};
  for (const [, name, value] of text.matchAll(/([^,=]+)=([^,]*)/g)) {
    try {
      extra[name.trim()] = decodeURIComponent(value.trim());
    } catch {
      console.error(
        `demo: OTEL_EXPORTER_OTLP_HEADERS: the value of ${name.trim()} is not percent-encoded; it is ignored`,
      );
    }
  }
  return extra;
}

async function post(url, headers, request) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(TIMEOUT_MILLIS),
    });
    await response.arrayBuffer();
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    return error.cause?.message ?? error.message;
  }
}
