// SPDX-License-Identifier: Apache-2.0
//
// Whether an HTTP request comes from this machine and from a program that was told to send it, rather than from a web
// page open here or through a proxy. The level handler's default check. Pure; nothing of the request is trusted.
import type { IncomingMessage } from 'node:http';

/** IPv4, IPv6, and IPv4 seen through an IPv6 socket. */
const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;
const LOCAL_HOST = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?$/i;
/** A proxy on this machine makes everyone's socket a local one, and names one of these unless it is told not to. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;

export function isLocalCaller({ socket, headers }: IncomingMessage): boolean {
  return (
    LOOPBACK.test(socket.remoteAddress ?? '') &&
    namesThisMachine(headers) &&
    !isFromPage(headers) &&
    FORWARDED.every((name) => headers[name] === undefined)
  );
}

/** A page whose name was made to lead here has that name in `Host`; HTTP/2 calls it `:authority`. */
function namesThisMachine(headers: IncomingMessage['headers']): boolean {
  const host = headers.host ?? headers[':authority'];
  return host === undefined || (typeof host === 'string' && LOCAL_HOST.test(host));
}

/** Images and links of a page send no `Origin` with a GET; then browsers say in `Sec-Fetch-Site` who wants it. */
function isFromPage(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || headers.referer !== undefined || (site !== undefined && site !== 'none');
}
