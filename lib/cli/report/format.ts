// SPDX-License-Identifier: Apache-2.0
//
// Numbers, names and tables for a terminal. What comes from a file is shown without the control characters that a
// terminal would obey. Called by the text forms of all subcommands. Pure.

/** `1.234 ms`-like, with the unit that keeps it short. */
export function formatNanos(nanos: number): string {
  const size = Math.abs(nanos);
  // Limits are where three digits would round to the next unit.
  if (size < 999.5) return `${Math.round(nanos)} ns`;
  if (size < 999.5e3) return `${(nanos / 1e3).toPrecision(3)} us`;
  if (size < 999.5e6) return `${(nanos / 1e6).toPrecision(3)} ms`;
  if (size < 999.5e9) return `${(nanos / 1e9).toPrecision(3)} s`;
  return `${Math.round(nanos / 1e9)} s`;
}

/** Milliseconds with three places, for columns. */
export function formatMillis(nanos: number): string {
  return (nanos / 1e6).toFixed(3);
}

export function formatPercent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** Singular or plural. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Without control, format and bidirectional characters, cut at `width`. */
export function printable(text: string, width = 48): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  return clean.length > width ? `${clean.slice(0, width - 1)}~` : clean;
}

/** The first `left` columns to the left, the rest, numbers, to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const widths = head.map((title, i) => rows.reduce((most, row) => Math.max(most, row[i]!.length), title.length));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map((row) => `  ${line(row)}`).join('\n');
}
