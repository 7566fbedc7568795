/**
 * Pruning: which compacted content nobody can ever need again (s3log.md §6.8 P2-P4; gazette.md's prune). Pure.
 *
 * P1  What is needed is what somebody's hints name; everything behind the last byte named is needed as well, because hints are older than the log.
 * P2  Whole fragments only, never one that overlaps what is needed, never the newest.
 * P3  The CHECKPOINT carries the pruned ranges and why: a hole that it names is no data loss, and a person can see who permitted it.
 */
import { mergeRanges, type CompactionIndex, type Range } from './compaction-index.ts';
import type { Fragment } from './fragment.ts';

/** What must stay, and the evidence. */
export interface PruneEvidence {
  /** Content that hints name. Nothing named: everything is needed. */
  readonly ranges: readonly Range[];
  readonly proof: string;
}

/** Fragments that may go (P1, P2), ascending. */
export function prunable(index: CompactionIndex, ranges: readonly Range[]): readonly Fragment[] {
  if (ranges.length === 0) return [];
  const lastNamed = Math.max(...ranges.map(({ end }) => end));
  return index.fragments
    .slice(0, -1)
    .filter(
      ({ begin, end }) => end <= lastNamed && !ranges.some((range) => range.begin < end && begin < range.end),
    );
}

/** The index after pruning; undefined when nothing may go. */
export function prunedIndex(index: CompactionIndex, needed: PruneEvidence): CompactionIndex | undefined {
  const gone = new Set(prunable(index, needed.ranges));
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
