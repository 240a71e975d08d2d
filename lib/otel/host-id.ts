// SPDX-License-Identifier: Apache-2.0
//
// `host.id` of the Resource where nobody configured one. Containers of one image share its machine id, those of one
// machine share the kernel's boot id, and process ids repeat in all of them; so it is both together. Where one of the
// two is missing it is the host's name, which in a container without a machine id is usually the container's own.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** systemd's, and D-Bus's where there is no systemd. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** The text of a file; undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** `<machine id>-<boot id>`, each 32 hexadecimal digits, else the host's name. Never empty where the host has a name. */
export function hostId(read: ReadText = readText, name: () => string = hostname): string {
  const boot = idIn(read(BOOT_ID_FILE));
  for (const file of MACHINE_ID_FILES) {
    const machine = idIn(read(file));
    if (machine !== undefined && boot !== undefined) return `${machine}-${boot}`;
  }
  return name();
}

// Before a machine's first boot the file says `uninitialized`; an image may ship it empty or zeroed.
function idIn(text: string | undefined): string | undefined {
  const id = text?.trim().replaceAll('-', '').toLowerCase();
  return id !== undefined && /^(?!0{32})[0-9a-f]{32}$/.test(id) ? id : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
