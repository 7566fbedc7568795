/**
 * Pruning: which compacted content nobody can ever need again (s3log.md §6.8 P2-P4; gazette.md's prune). Pure.
 *
 * P1  What is needed is what somebody's hints name. Hints are older than the log, so each of them needs everything behind its own last segment as well:
 *     whoever says what is needed leaves that range open (OPEN_END). Nothing behind the last byte named by anybody goes in any case.
 * P2  Whole fragments only, never one that overlaps what is needed, never the newest, and none that is younger than the compactor's minimum age.
 * P3  The CHECKPOINT carries the pruned ranges and why: a hole that it names is no data loss, and a person can see who permitted it.
 */
import { mergeRanges, type CompactionIndex, type Range } from '../format/compaction-index.ts';
import type { Fragment } from '../format/fragment.ts';

/** What must stay, and the evidence. */
export interface PruneEvidence {
  /** Content that hints name; an open range ends with OPEN_END. Nothing named: everything is needed. */
  readonly ranges: readonly Range[];
  /** Who named it: goes into the CHECKPOINT, for people. */
  readonly proof: string;
}

/** The end of a range that has none (P1). */
export const OPEN_END: number = Number.MAX_SAFE_INTEGER;

/** Fragments that may go (P1, P2), ascending. */
export function prunable(
  index: CompactionIndex,
  ranges: readonly Range[],
  isOld: (fragment: Fragment) => boolean = () => true,
): readonly Fragment[] {
  if (ranges.length === 0) return [];
  const lastNamed = Math.max(...ranges.map(({ end }) => end));
  const isNeeded = ({ begin, end }: Range): boolean =>
    end > lastNamed || ranges.some((range) => range.begin < end && begin < range.end);
  return index.fragments.slice(0, -1).filter((fragment) => !isNeeded(fragment) && isOld(fragment));
}

/** The index after pruning; undefined when nothing may go. */
export function prunedIndex(
  index: CompactionIndex,
  needed: PruneEvidence,
  isOld?: (fragment: Fragment) => boolean,
): CompactionIndex | undefined {
  const gone = new Set(prunable(index, needed.ranges, isOld));
  if (gone.size === 0) return undefined;
  const pruned = mergeRanges([...index.pruned, ...[...gone].map(({ begin, end }) => ({ begin, end }))]);
  return {
    ...index,
    fragments: index.fragments.filter((fragment) => !gone.has(fragment)),
    pruned,
    // A fence inside a hole ends nothing that anybody reads; at its edges it does.
    fences: index.fences.filter(
      ({ offset }) => !pruned.some(({ begin, end }) => begin < offset && offset < end),
    ),
    retired: [...index.retired, ...gone],
    proof: needed.proof,
  };
}
