// SPDX-License-Identifier: Apache-2.0
//
// What `host.id` is where nobody configured one: on machines and in containers that have this or that of it.
import { describe, expect, it } from 'vitest';
import { hostId } from '../../lib/otel/host-id';

const MACHINE = '0123456789abcdef0123456789abcdef';
const BOOT = '89abcdef-0123-4567-89ab-cdef01234567';
const BOTH = `${MACHINE}-89abcdef0123456789abcdef01234567`;

const on = (files: Record<string, string>) =>
  hostId(
    (path) => files[path],
    () => 'box',
  );
const booted = (files: Record<string, string>) => on({ '/proc/sys/kernel/random/boot_id': `${BOOT}\n`, ...files });

describe('the id of a host', () => {
  it('is its machine id with its boot id', () => {
    expect(booted({ '/etc/machine-id': `${MACHINE}\n` })).toBe(BOTH);
  });

  it('is made with D-Bus’s machine id where systemd has none', () => {
    expect(booted({ '/var/lib/dbus/machine-id': MACHINE })).toBe(BOTH);
    expect(booted({ '/etc/machine-id': '', '/var/lib/dbus/machine-id': MACHINE })).toBe(BOTH);
  });

  it('differs between containers of one image on two hosts', () => {
    const image = { '/etc/machine-id': MACHINE };
    const other = { ...image, '/proc/sys/kernel/random/boot_id': BOOT.replace('8', '7') };
    expect(booted(other)).not.toBe(booted(image));
  });

  it.each([
    ['no machine id', {}],
    ['one that is not made yet', { '/etc/machine-id': 'uninitialized\n' }],
    ['one of zeros', { '/etc/machine-id': '0'.repeat(32) }],
    ['something else in its place', { '/etc/machine-id': `${MACHINE}\n${MACHINE}` }],
  ])('is the name of the host with %s', (_, files) => {
    expect(booted(files)).toBe('box');
  });

  it('is the name of the host without a boot id', () => {
    expect(on({ '/etc/machine-id': MACHINE })).toBe('box');
  });

  it('is found on this machine', () => {
    expect(hostId()).not.toBe('');
  });
});
