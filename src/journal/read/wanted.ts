/**
 * The ranges of content that a reader wants, ascending and apart from each other. Pure.
 */
import type { Range } from '../format/compaction-index.ts';

/** Everything from `begin` on. */
export function everythingFrom(begin: number): readonly Range[] {
  return [{ begin, end: Number.POSITIVE_INFINITY }];
}

/** What of [begin, end) is wanted, ascending. */
export function wantedWithin(wanted: readonly Range[], begin: number, end: number): readonly Range[] {
  const parts: Range[] = [];
  if (begin >= end) return parts;
  for (let at = firstEndingBehind(wanted, begin); at < wanted.length && wanted[at]!.begin < end; at++)
    parts.push({ begin: Math.max(begin, wanted[at]!.begin), end: Math.min(end, wanted[at]!.end) });
  return parts;
}

/** The first wanted byte at or behind `offset`; Infinity when there is none. */
export function nextWanted(wanted: readonly Range[], offset: number): number {
  const range = wanted[firstEndingBehind(wanted, offset)];
  return range ? Math.max(offset, range.begin) : Number.POSITIVE_INFINITY;
}

/** Whether what happens at `offset`, between two bytes, lies in a wanted range or at one of its ends. */
export function touchesWanted(wanted: readonly Range[], offset: number): boolean {
  const range = wanted[firstEndingBehind(wanted, offset - 1)];
  return range !== undefined && range.begin <= offset;
}

function firstEndingBehind(wanted: readonly Range[], offset: number): number {
  let low = 0;
  for (let high = wanted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (wanted[middle]!.end > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
