/**
 * Options of a compactor, with the defaults and their reasons (s3log.md §6.7). A JournalStore's spec.compaction has the same names.
 */
import type { Codec } from '../format/codec.ts';
import { MAX_FRAGMENT_BYTES } from '../format/fragment.ts';
import { checkOptions, type OptionRanges } from '../session/options.ts';

export interface CompactorOptions {
  /** Compact when this much content is not compacted, bytes: a full fragment. */
  readonly triggerBytes: number;
  /** Compact when this many slots are not compacted: a new reader then needs four rounds of GETs at most (slots-ahead.ts READ_AHEAD). */
  readonly triggerSlots: number;
  /** Compact at least this often when anything was appended, ms: bounds what a new reader of a quiet journal reads slot by slot. Whether something may be pruned is looked at as often. */
  readonly intervalMs: number;
  /** From a CHECKPOINT to the deletion of what it made superfluous, ms: longer than any LIST lags behind (s3log.md §6.4 F4). */
  readonly graceMs: number;
  /**
   * A fragment is pruned when this session has seen it published for so long, ms. Each takeover pushes a hints slot out; a replica that restores from
   * hints which several takeovers have pushed out has this and the grace to finish. Not longer, because the age begins anew with each session: in a
   * log whose sessions are all shorter nothing is ever pruned. It counts on this process's monotonic clock and believes no store's.
   */
  readonly pruneAgeMs: number;
  /** How fragments are compressed that gain from it. */
  readonly compression: Codec;
  /** Most content of a fragment, bytes. */
  readonly fragmentBytes: number;
  /** A store that stays away longer ends a compaction, ms; the next one begins anew. */
  readonly giveUpMs: number;
}

export const DEFAULT_COMPACTOR_OPTIONS: CompactorOptions = {
  triggerBytes: MAX_FRAGMENT_BYTES,
  triggerSlots: 512,
  intervalMs: 600_000,
  graceMs: 900_000,
  pruneAgeMs: 900_000,
  compression: 'zstd',
  fragmentBytes: MAX_FRAGMENT_BYTES,
  giveUpMs: 60_000,
};

/** Least and greatest value of every number. */
export const COMPACTOR_OPTION_RANGES: OptionRanges<CompactorOptions> = {
  triggerBytes: [65_536, 1_073_741_824],
  triggerSlots: [16, 100_000],
  intervalMs: [1000, 86_400_000],
  graceMs: [60_000, 86_400_000],
  pruneAgeMs: [0, 604_800_000],
  fragmentBytes: [65_536, MAX_FRAGMENT_BYTES],
  giveUpMs: [1, 3_600_000],
};

/** Fills in defaults and checks ranges. @throws SessionOptionsError */
export function compactorOptions(given: Partial<CompactorOptions> = {}): CompactorOptions {
  return checkOptions({ ...DEFAULT_COMPACTOR_OPTIONS, ...given }, COMPACTOR_OPTION_RANGES);
}
