/**
 * What a restore may start from: the stored hints from the newest to the oldest, and at last the log itself from its beginning. Pure.
 *
 * C1  A slot that does not decode, or is of another log, is told with its reason and is never "no hints" (DESIGN I12).
 * C2  Whatever is chosen, the restored log has to reach as far as any hints of it name bytes: those were durable (I5). Otherwise it has lost its end, and
 *     older hints would only hide that by going back.
 * C3  Bytes behind the beginning of the last segment of any hints are needed by whoever starts from them. Damage there is met again, so such hints
 *     are not tried after it.
 * C4  A log whose hints begin in another log (a clone's) has no history of its own to play from its beginning.
 */
import { equalBytes, HoldfastError } from '../base/index.ts';
import { OPEN_END } from '../journal/index.ts';
import { HINTS_SLOTS, type AllSlots, type HintsRead, type HintsSlotName } from '../persistence/index.ts';
import {
  HistoryLostError,
  liveLogSegments,
  parseHints,
  type FsmHints,
  type Segment,
} from '../recoverylog/index.ts';

/** Where a restore starts: hints of a slot, or the beginning of the log. */
export type RestoreSource = HintsSlotName | 'beginning';

/** Hints of another log stand in a slot of this one. */
export class HintsOfAnotherLogError extends HoldfastError {
  constructor(log: string, other: string) {
    super(
      'HINTS_OF_ANOTHER_LOG',
      `The hints are of log ${other}, not of ${log}. Find out who copied the annotation; the next hints of a primary replace it.`,
      { fields: { log, other } },
    );
  }
}

export interface Candidate {
  readonly from: RestoreSource;
  readonly hints: FsmHints | undefined;
  /** As stored; undefined for the beginning of the log. */
  readonly value: Uint8Array | undefined;
  /** Everything from this byte on is needed (C3). */
  readonly openFrom: number;
  /** Some named operations have no known end: hints of another program, that say less about how far the log went. */
  readonly openEnded: boolean;
}

export interface PassedOver {
  readonly from: RestoreSource;
  readonly error: Error;
}

export interface Candidates {
  readonly log: string;
  /** In the order in which they are tried. */
  readonly all: readonly Candidate[];
  /** What cannot even be tried (C1, C4). */
  readonly passedOver: readonly PassedOver[];
  /** The log has history: something was once written about it. */
  readonly known: boolean;
  /** The byte that the log reaches at least, and who says so (C2); undefined when nobody does. */
  readonly reach: { readonly offset: number; readonly from: RestoreSource } | undefined;
}

/** What the slots of `log` offer. @param initialized whether the log is known to have history from elsewhere */
export function candidatesOf(log: string, slots: AllSlots<HintsRead>, initialized: boolean): Candidates {
  const all: Candidate[] = [];
  const passedOver: PassedOver[] = [];
  let reach: Candidates['reach'];
  let known = initialized;
  let elsewhere: string | undefined;
  for (const from of HINTS_SLOTS) {
    const read = slots[from];
    known ||= read.kind !== 'absent';
    if (read.kind === 'absent') continue;
    try {
      if (read.kind === 'corrupt') throw read.error;
      const { segments, ...candidate } = candidateOf(log, from, read.value);
      all.push(candidate);
      const named = Math.max(0, ...segments.filter((each) => each.log === log).map(namedEnd));
      if (named > (reach?.offset ?? 0)) reach = { offset: named, from };
      elsewhere ??= segments.find((each) => each.log !== log)?.log;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      passedOver.push({ from, error });
    }
  }
  if (elsewhere === undefined)
    all.push({ from: 'beginning', hints: undefined, value: undefined, openFrom: 0, openEnded: false });
  return { log, all, passedOver, known, reach };
}

/** @throws HintsError, HintsOfAnotherLogError */
function candidateOf(
  log: string,
  from: HintsSlotName,
  value: Uint8Array,
): Candidate & { readonly segments: readonly Segment[] } {
  const hints = parseHints(value);
  if (hints.log !== log) throw new HintsOfAnotherLogError(log, hints.log);
  const { segments } = liveLogSegments(hints);
  const openEnded = segments.some(({ lastOffset }) => lastOffset === 0);
  return { from, hints, value, openFrom: openFromOf(segments), openEnded, segments };
}

/** C3; hints that name no live file need everything. */
function openFromOf(segments: readonly Segment[]): number {
  const last = segments.at(-1);
  const open = segments.filter((each) => each === last || (each.lastOffset === 0 && each.log === last?.log));
  return last ? Math.min(...open.map(({ firstOffset }) => firstOffset)) : 0;
}

/** The log reaches at least so far. */
function namedEnd({ firstOffset, lastOffset }: Segment): number {
  return Math.max(firstOffset, lastOffset);
}

/** Who starts from hints that failed already, or needs the bytes where damage was met (C3): why it is not tried; undefined when it may help. */
export function whyNotTried(candidate: Candidate, tried: readonly Failure[]): HoldfastError | undefined {
  for (const { candidate: before, damagedAt } of tried) {
    const isSame = before.value && candidate.value && equalBytes(before.value, candidate.value);
    if (isSame) return notTried(candidate.from, `they are the same hints as ${before.from}`);
    if (damagedAt !== undefined && candidate.openFrom <= damagedAt)
      return notTried(candidate.from, `it needs the damaged bytes that ${before.from} has met as well`);
  }
  return undefined;
}

function notTried(from: RestoreSource, why: string): HoldfastError {
  return new HoldfastError('RESTORE_NOT_TRIED', `A restore from ${from} was not tried: ${why}.`, {
    fields: { from, why },
  });
}

/** A candidate that was tried. */
export interface Failure extends PassedOver {
  readonly candidate: Candidate;
  /** A damaged byte, the last one if that is known, or one before it (C3). */
  readonly damagedAt: number | undefined;
}

/** Codes of failures that other hints may mend. Everything else (a store that refuses, a full disk, a newer format) would be met again. */
const MENDABLE: ReadonlySet<string> = new Set([
  'HINTS_INVALID',
  'SEGMENT_INVALID',
  'HISTORY_LOST',
  'REPLAY_FAILED',
  'DATA_LOSS',
  'CORRUPT_FRAGMENT',
  'CORRUPT_SLOT',
]);

/**
 * Judges a failure of `candidate`; undefined when no other hints can mend it.
 * @param appliedOffset how far its player had come
 */
export function failureOf(candidate: Candidate, error: unknown, appliedOffset: number): Failure | undefined {
  if (!(error instanceof HoldfastError) || !MENDABLE.has(error.code)) return undefined;
  if (error instanceof HistoryLostError) {
    if (error.reason === 'empty' || error.reason === 'ends-early') return undefined; // C2
    if (error.reason === 'operations-missing' && candidate.openEnded) return undefined; // C2: they may lie behind the end
  }
  const { from } = candidate;
  switch (error.code) {
    case 'DATA_LOSS':
    case 'CORRUPT_FRAGMENT':
      return { candidate, from, error, damagedAt: (numberIn(error, 'end') ?? OPEN_END) - 1 };
    case 'CORRUPT_SLOT': // it does not say which bytes it holds
      return { candidate, from, error, damagedAt: appliedOffset };
    case 'REPLAY_FAILED':
      return { candidate, from, error, damagedAt: numberIn(error, 'offset') };
    default:
      return { candidate, from, error, damagedAt: undefined };
  }
}

function numberIn({ fields }: HoldfastError, name: string): number | undefined {
  const value = fields[name];
  return typeof value === 'number' ? value : undefined;
}
