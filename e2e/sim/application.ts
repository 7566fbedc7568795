/**
 * The application of the simulated log, as far as pruning knows one: it needs only parts of the log, and says so by hints and pins.
 *
 * H1  A hint names ranges, the last of them open: whatever is behind it is needed too (s3log.md §6.8 P2). The newest is the primary one, those before
 *     it are backups; a pin is a copy of a hint that was stored, kept until somebody drops it.
 * H2  A hint takes the place of the one it was made from, or of none: what it names was named before or is younger. So what is needed only shrinks
 *     at the front and grows at the end, and evidence stays true however late it is used.
 * H3  Evidence is complete or there is none: hints are asked for one by one over the same bad network as everything else, pins last, and a hint
 *     that has gone meanwhile makes the answer void (P1).
 */
import type { PruneEvidence, Range } from '../../src/journal/index.ts';
import type { SeededRandom } from '../../src/base/testing/index.ts';
import type { AdversaryStore } from './adversary.ts';
import { RECORD_BYTES } from './content.ts';

export interface Hint {
  readonly generation: number;
  /** Ascending; the last one ends OPEN (H1). */
  readonly ranges: readonly Range[];
}

const OPEN = Number.MAX_SAFE_INTEGER;
/** Primary and backups. */
const KEPT = 3;
const MOST_PINS = 2;
/** A hint names at most this many of the newest records. */
const NEWEST_RECORDS = 25;
/** How likely a range of the last hint is named again, and a piece of what was the end. */
const NAMED_AGAIN = 0.4;
/** How likely somebody whose hints count does not answer. */
const SILENT = 0.1;

/** Where hints and pins are kept: like the status of a custom resource, changed only by who has seen what it replaces. */
export class Shelf {
  /** Newest first. */
  hints: readonly Hint[] = [];
  pins: readonly Hint[] = [];

  put(hint: Hint): boolean {
    if (hint.generation !== (this.hints[0]?.generation ?? 0) + 1) return false;
    this.hints = [hint, ...this.hints].slice(0, KEPT);
    return true;
  }

  pin(hint: Hint): boolean {
    if (!this.hints.includes(hint) || this.pins.length >= MOST_PINS) return false;
    this.pins = [...this.pins, hint];
    return true;
  }

  unpin(): void {
    this.pins = this.pins.slice(1);
  }

  /** Whether anything stored names a byte of this range. */
  isNeeded(begin: number, end: number): boolean {
    return [...this.hints, ...this.pins].some(({ ranges }) =>
      ranges.some((range) => range.begin < end && begin < range.end),
    );
  }
}

/** A hint made from `base` by somebody who knows the log up to `head` (H2). */
export function nextHint(base: Hint | undefined, head: number, random: SeededRandom): Hint {
  const open = base?.ranges.at(-1)?.begin ?? 0;
  const begin = Math.max(open, head - random.below(NEWEST_RECORDS) * RECORD_BYTES);
  const again = (base?.ranges.slice(0, -1) ?? []).filter(() => random.chance(NAMED_AGAIN));
  const length = begin - open;
  if (length > 0 && random.chance(NAMED_AGAIN)) {
    const pieceBegin = open + random.below(length);
    again.push({ begin: pieceBegin, end: pieceBegin + 1 + random.below(begin - pieceBegin) });
  }
  return { generation: (base?.generation ?? 0) + 1, ranges: [...again, { begin, end: OPEN }] };
}

/** Evidence for pruning (H3); undefined when it is not complete. @throws StoreError, the signal's reason */
export async function evidence(
  shelf: Shelf,
  store: AdversaryStore,
  random: SeededRandom,
  signal?: AbortSignal,
): Promise<PruneEvidence | undefined> {
  if (random.chance(SILENT)) return undefined;
  const generations = await store.request(() => shelf.hints.map(({ generation }) => generation), { signal });
  if (generations.length === 0) return undefined;
  const named: Range[] = [];
  for (const generation of generations) {
    const hint = await store.request(() => shelf.hints.find((each) => each.generation === generation), {
      signal,
    });
    if (!hint) return undefined;
    named.push(...hint.ranges);
  }
  const pins = await store.request(() => shelf.pins, { signal });
  for (const { ranges } of pins) named.push(...ranges);
  return { ranges: named, proof: `hints ${generations.join(', ')} and ${pins.length} pins` };
}
