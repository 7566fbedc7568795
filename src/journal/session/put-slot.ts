/**
 * Deciding one slot: the same frozen bytes to the same key until it is known whose slot it is (s3log.md §6.3 A3-A9).
 *
 * P1  The bytes never change between attempts; the random put-id inside them tells our own success from somebody else's slot (H1-H3).
 * P2  Every attempt has a deadline of its own and a retry uses a fresh connection; the store adapter repeats nothing (H2).
 *     A store that hears no signal is not waited for: what it still answers comes too late to be believed.
 * P3  Whatever is not known is said to be unknown. "Not appended" is only said when the very first attempt was refused, or found a foreign slot.
 */
import {
  backoffMs,
  deadline,
  equalBytes,
  errorCode,
  raceAbort,
  type Clock,
  type Random,
} from '../../base/index.ts';
import type { CreateOutcome, ObjectStore, StoreCall, StoreError } from '../../store/index.ts';
import { slotKey, type Journal } from '../names.ts';
import type { JournalMetrics } from '../metrics.ts';
import { RETRY } from '../retry.ts';
import { decodeSlotHead, SLOT_HEAD_BYTES, type SlotHeader } from '../format/slot.ts';

export type SlotDecision =
  /** `bytesRead`: the only attempt was answered by success, so that nothing still sends the bytes; they may be used for something else. */
  | { readonly kind: 'committed'; readonly bytesRead: boolean }
  /**
   * The key holds a slot that is not ours. `maybe`: an earlier attempt may have landed, been compacted away by a successor, and made room for this
   * slot of somebody whose knowledge was older still (hazard H6).
   */
  | { readonly kind: 'foreign'; readonly header: SlotHeader; readonly maybe: boolean }
  /** The store says the key exists and then that it does not: it was ours, confirmed by nobody, and has been reclaimed (s3log.md §6.4b F4). */
  | { readonly kind: 'reclaimed' }
  /** The store said no (A8). `maybe`: an earlier attempt may have landed. */
  | { readonly kind: 'refused'; readonly cause: StoreError; readonly maybe: boolean }
  /** Undecided for longer than the limit, or stopped by the caller (A9). */
  | { readonly kind: 'undecided'; readonly cause: unknown };

export interface PutOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: JournalMetrics;
  /** Deadline of the first attempt and of each later one, ms. */
  readonly firstAttemptMs: number;
  readonly laterAttemptMs: number;
  /** Undecided for longer than this is given up, ms. */
  readonly giveUpMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Puts `bytes` at slot `seq` and finds out what came of it. Rejects never; only `signal` and the limit end it early. */
export async function putSlot(
  journal: Journal,
  seq: number,
  bytes: Uint8Array,
  putId: Uint8Array,
  options: PutOptions,
): Promise<SlotDecision> {
  const { clock, random, metrics, signal } = options;
  const key = slotKey(journal, seq);
  const startedMs = clock.monotonicMs();
  let maybe = false;
  let cause: unknown;
  for (let attempt = 0; ; attempt++) {
    if (attempt > 0) {
      if (clock.monotonicMs() - startedMs >= options.giveUpMs) return { kind: 'undecided', cause };
      try {
        await clock.sleep(backoffMs(RETRY, attempt - 1, random), signal);
      } catch (aborted) {
        return { kind: 'undecided', cause: aborted };
      }
    }
    const limit = deadline(
      clock,
      attempt === 0 ? options.firstAttemptMs : options.laterAttemptMs,
      `PUT of slot ${seq}`,
      signal,
    );
    try {
      const outcome = await createOnce(journal.store, key, bytes, limit.signal, attempt > 0);
      if (outcome.kind === 'created') return { kind: 'committed', bytesRead: attempt === 0 };
      if (outcome.kind === 'refused') return { kind: 'refused', cause: outcome.cause, maybe };
      if (outcome.kind === 'undecided') {
        maybe = true;
        cause = outcome.cause;
        metrics.retried(errorCode(outcome.cause) ?? 'UNKNOWN');
        continue;
      }
      const whose = await whoseSlot(journal, key, seq, putId, limit.signal, attempt > 0);
      if (whose.kind !== 'unread') {
        if (whose.kind === 'committed') metrics.ambiguityResolved();
        return whose.kind === 'foreign' ? { ...whose, maybe } : whose;
      }
      cause = whose.cause;
      maybe = true;
      metrics.retried('READ_BACK');
    } finally {
      limit.clear();
    }
  }
}

type Attempt =
  | Exclude<CreateOutcome, { kind: 'undecided' }>
  | { readonly kind: 'undecided'; readonly cause: unknown };

/** One attempt, undecided as soon as its signal aborts (P2). */
async function createOnce(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  signal: NonNullable<StoreCall['signal']>,
  freshConnection: boolean,
): Promise<Attempt> {
  try {
    return await raceAbort(store.create(key, bytes, { signal, freshConnection }), signal);
  } catch (error) {
    if (signal.aborted) return { kind: 'undecided', cause: error };
    throw error; // a store that breaks its contract
  }
}

type Whose =
  | Extract<SlotDecision, { kind: 'committed' | 'reclaimed' }>
  | { readonly kind: 'foreign'; readonly header: SlotHeader }
  | { readonly kind: 'unread'; readonly cause: unknown };

async function whoseSlot(
  journal: Journal,
  key: string,
  seq: number,
  putId: Uint8Array,
  signal: AbortSignal,
  freshConnection: boolean,
): Promise<Whose> {
  try {
    const range = { start: 0, end: SLOT_HEAD_BYTES };
    const found = await raceAbort(journal.store.get(key, { range, signal, freshConnection }), signal);
    if (!found) return { kind: 'reclaimed' };
    const header = decodeSlotHead(found.body, `${journal.name} #${seq}`);
    return equalBytes(header.putId, putId)
      ? { kind: 'committed', bytesRead: false }
      : { kind: 'foreign', header };
  } catch (error) {
    return { kind: 'unread', cause: error }; // the slot stays undecided; the loop asks again until its limit
  }
}
