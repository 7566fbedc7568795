/**
 * When to ask for the next slot at the tail: decisions only, no clock and no store (s3log.md §6.5 T4, T5).
 *
 * A GET that comes too early is billed and finds nothing; one that comes too late is latency. A writer that groups its commits makes a slot every so
 * often: for whoever knows the rhythm little more than one GET a slot is enough.
 *
 * G1  A slot that is found tells when it came into being: after the last GET that missed it, before the GET that found it. The rhythm is learned
 *     from what contradicts it, so that a reader's own delays do not pass for the writer's.
 * G2  The first GET for a slot is sent a little after the expected moment. Whoever finds the slot there does not learn for how long it was, and expects the
 *     next one PULL_MS earlier, until a GET misses and tells.
 * G3  A writer without a rhythm is not waited for: the further off the expectations were, the earlier the first GET, though not before half an
 *     interval or POLL_MS.
 * G4  After a miss the delays begin at POLL_MS, or half an interval where that is less, and grow to the limit. None is longer than the limit,
 *     whatever was expected.
 * G5  Who has not missed for long may be behind without knowing it; who comes late to an expected slot is. Both ask at once until a GET misses.
 */

/** What a reader knows of the writer's rhythm. Times are of one monotonic clock, ms. A plain immutable value. */
export interface TailPace {
  /** When the newest slot read came into being, as far as is known. */
  readonly anchorMs: number;
  /** Expected time from one slot to the next. */
  readonly intervalMs: number;
  /** How far off such expectations were of late. */
  readonly deviationMs: number;
  /** When the last GET was sent that missed the next slot; undefined when none did. */
  readonly missedMs: number | undefined;
  /** The delay after the next miss, before jitter. */
  readonly delayMs: number;
  /** Slots found since a GET missed last; MAX_UNMISSED when the reader is behind (G5). */
  readonly unmissed: number;
}

/** First delay after a miss: a tenth of a second is felt, a twentieth is not. */
export const POLL_MS = 50;
/** A delay is this many times the one before it: from 50 ms to the limit of a hot reader within six polls. */
const POLL_GROWTH = 1.5;
/** Shortest delay after a miss: a writer that is faster than this fills several slots before the next GET. */
const MIN_DELAY_MS = 10;
/** Blind delays are this part of what they might be at least, so that many readers do not ask in step. */
const LEAST_JITTER = 0.75;
/** The rhythm that is assumed at first: that of grouped commits by default (options.ts); and anything may be wrong with it. */
const FIRST_INTERVAL_MS = 250;
/** How long after the expected moment the first GET is sent: this part of an interval, but no more than is lost unnoticed. */
const SLACK_PART: number = 1 / 8;
const MAX_SLACK_MS = 12;
/** G2; a smaller part of a short interval. With 1 ms a GET misses about every sixth slot of a steady writer. */
const PULL_MS = 1;
const PULL_PART: number = 1 / 64;
/** The part of a pull that the interval shrinks by: an interval that was taken for too long would never be contradicted otherwise. */
const PULL_WEIGHT: number = 1 / 4;
/** Weights of what is new in interval and deviation: those of TCP's estimate of round trips. */
const INTERVAL_WEIGHT: number = 1 / 8;
const DEVIATION_WEIGHT: number = 1 / 4;
/** Deviations by which the first GET is sent earlier (G3). */
const EARLIER_BY = 2;
/** Slots found in a row after which the reader makes sure that it is not behind (G5): more than a steady writer needs for a miss. */
const MAX_UNMISSED = 8;

/** Nothing known but that a GET sent at `askedMs` found the end of the log. */
export function paceFrom(askedMs: number): TailPace {
  return {
    anchorMs: askedMs,
    intervalMs: FIRST_INTERVAL_MS,
    deviationMs: FIRST_INTERVAL_MS / EARLIER_BY,
    missedMs: askedMs,
    delayMs: POLL_MS,
    unmissed: 0,
  };
}

/** A GET sent at `askedMs` found nothing. */
export function paceMissed(pace: TailPace, askedMs: number): TailPace {
  const firstMs = Math.max(MIN_DELAY_MS, Math.min(POLL_MS, pace.intervalMs / 2));
  const delayMs = pace.missedMs === undefined ? firstMs : pace.delayMs * POLL_GROWTH;
  return { ...pace, missedMs: askedMs, delayMs, unmissed: 0 };
}

/** A GET sent at `askedMs` found the next slot. */
export function paceFound(pace: TailPace, askedMs: number): TailPace {
  const { anchorMs, intervalMs, deviationMs, missedMs } = pace;
  const isBehind =
    missedMs === undefined && (pace.unmissed >= MAX_UNMISSED || askedMs > firstAskMs(pace) + POLL_MS);
  const next = { ...pace, missedMs: undefined, delayMs: POLL_MS };
  if (isBehind) return { ...next, anchorMs: askedMs, unmissed: MAX_UNMISSED };
  const expectedMs = anchorMs + intervalMs;
  const offMs = offBy(expectedMs, missedMs ?? anchorMs, askedMs);
  const pullMs = Math.min(PULL_MS, intervalMs * PULL_PART);
  const boundedMs = Math.max(-intervalMs, Math.min(offMs, intervalMs)); // a pause of the writer is no rhythm
  return {
    ...next,
    anchorMs:
      offMs === 0 ? Math.max(missedMs ?? anchorMs, expectedMs - pullMs) : contradicted(missedMs, askedMs),
    intervalMs: Math.max(1, intervalMs + (offMs === 0 ? -pullMs * PULL_WEIGHT : boundedMs * INTERVAL_WEIGHT)),
    deviationMs: deviationMs + (Math.abs(boundedMs) - deviationMs) * DEVIATION_WEIGHT,
    unmissed: missedMs === undefined ? pace.unmissed + 1 : 0,
  };
}

/** When to send the next GET: `nowMs` to `limitMs` later (G4). `unit` is a random number, 0 to 1. */
export function nextAskMs(pace: TailPace, nowMs: number, limitMs: number, unit: number): number {
  if (isBehind(pace)) return nowMs;
  const jitter = LEAST_JITTER + unit * (1 - LEAST_JITTER);
  const blindMs = pace.missedMs === undefined ? nowMs : nowMs + Math.min(pace.delayMs, limitMs) * jitter;
  return Math.min(Math.max(nowMs, blindMs, firstAskMs(pace)), nowMs + limitMs);
}

/** Whether more slots are to be expected at once (G5). */
export function isBehind(pace: TailPace): boolean {
  return pace.missedMs === undefined && pace.unmissed >= MAX_UNMISSED;
}

/** When the first GET for the next slot is due (G2, G3). */
function firstAskMs({ anchorMs, intervalMs, deviationMs }: TailPace): number {
  const likelyMs = anchorMs + intervalMs + Math.min(MAX_SLACK_MS, intervalMs * SLACK_PART);
  return Math.max(anchorMs + Math.min(POLL_MS, intervalMs / 2), likelyMs - EARLIER_BY * deviationMs);
}

/** How much later than expected something came that came between two moments: negative when earlier, 0 when nothing contradicts it (G1). */
function offBy(expectedMs: number, afterMs: number, beforeMs: number): number {
  if (expectedMs > beforeMs) return beforeMs - expectedMs;
  return Math.max(0, afterMs - expectedMs);
}

/** When a slot came that was not there when it was expected, or long before: half-way between the two GETs. */
function contradicted(missedMs: number | undefined, askedMs: number): number {
  return missedMs === undefined ? askedMs : Math.max((missedMs + askedMs) / 2, askedMs - POLL_MS);
}
