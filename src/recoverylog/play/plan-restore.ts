/**
 * What is known of the logs of a restore, asked of their stores, and the plan from it (restore-plan.ts). Reads nothing of their content.
 */
import { surveyJournal, type Journal, type Plan } from '../../journal/index.ts';
import { OtherLogNeededError } from '../errors.ts';
import type { FsmHints } from '../format/hints.ts';
import {
  restorePlan,
  wantedParts,
  type KnownLog,
  type RestorePlan,
  type WantedPart,
} from './restore-plan.ts';

/** How another log is found by its name: where hints begin in the log that this one was cloned from. */
export type OpenLog = (name: string) => Journal | Promise<Journal>;

/** Every log of the parts, by name. @throws OtherLogNeededError */
export async function openLogs(
  journal: Journal,
  parts: readonly WantedPart[],
  openLog: OpenLog | undefined,
): Promise<ReadonlyMap<string, Journal>> {
  const journals = new Map([[journal.name, journal]]);
  for (const { log } of parts) {
    if (journals.has(log)) continue;
    if (!openLog) throw new OtherLogNeededError(journal.name, log);
    try {
      journals.set(log, await openLog(log));
    } catch (error) {
      throw new OtherLogNeededError(journal.name, log, error);
    }
  }
  return journals;
}

/**
 * What restoring `journal` from `hints` would read, as the log stands now: a LIST tells where it ends, so the very end may be newer. Without hints:
 * from the beginning.
 * @throws HintsError, OtherLogNeededError, HistoryLostError with its reason, JournalDeletedError, StoreError, the signal's reason
 */
export async function planRestore(
  journal: Journal,
  hints: FsmHints | undefined,
  signal?: AbortSignal,
  openLog?: OpenLog,
): Promise<RestorePlan> {
  const parts = wantedParts(journal.name, hints);
  return await planWith(await openLogs(journal, parts, openLog), parts, signal);
}

/** A restore's plan, and those of the logs that it was made by. */
export interface SurveyedRestore extends RestorePlan {
  /** Log -> its plan; undefined for one that was never compacted. */
  readonly plans: ReadonlyMap<string, Plan | undefined>;
}

/** The plan for logs that are open. @throws HistoryLostError, JournalDeletedError, StoreError, the signal's reason */
export async function planWith(
  journals: ReadonlyMap<string, Journal>,
  parts: readonly WantedPart[],
  signal: AbortSignal | undefined,
): Promise<SurveyedRestore> {
  const known = new Map<string, KnownLog>();
  const plans = new Map<string, Plan | undefined>();
  for (const [name, log] of journals) {
    const { plan, head } = await surveyJournal(log, signal);
    plans.set(name, plan);
    known.set(name, { head: Math.max(head, plan?.index.end ?? 0), index: plan?.index });
  }
  return { ...restorePlan(parts, known), plans };
}
