/**
 * What anybody may still need of the shard's log: all hints that are stored, and all pins (DESIGN §5.4; s3log.md §6.8 P1). The compactor prunes the rest.
 *
 * P1  All hints or nothing: every slot holds hints that can be decoded, are of this log, and name live files. A slot that is empty, damaged or cannot be
 *     read means that nothing is pruned; so does a pin, because this version makes none and cannot know what a newer one wants with it.
 * P2  What is stored counts, read when it is asked for; never what a primary knows beyond it. Pins are read first: whoever pins before reading hints
 *     is either seen, or reads hints that were stored later, and those are covered (recoverylog: needs W1).
 * P3  Whoever needs something of this log from elsewhere (a clone) holds a pin here: the hints of other logs are not looked for.
 * P4  Why nothing may be pruned is a line in the log when it changes, and a metric all the time.
 */
import { ANNOTATIONS, pinsOf } from '../api/index.ts';
import { ensureError, isAbortOf, type Logger, type Metrics } from '../base/index.ts';
import type { PruneEvidence } from '../journal/index.ts';
import {
  HINTS_SLOTS,
  resolveSlots,
  type HintsKeys,
  type HintsObjects,
  type HintsRead,
  type HintsSlotName,
  type HintsSlots,
} from '../persistence/index.ts';
import { neededByHints } from '../recoverylog/index.ts';

/** Why nothing may be pruned. */
export const PRUNE_BLOCKS = ['Pinned', 'HintsUnreadable', 'HintsMissing', 'HintsDamaged'] as const;
export type PruneBlock = (typeof PRUNE_BLOCKS)[number];

/** What one hints value needs. */
export interface NamedEvidence extends PruneEvidence {
  readonly source: string;
}

export type LogNeeds =
  | { readonly kind: 'known'; readonly evidence: PruneEvidence; readonly by: readonly NamedEvidence[] }
  | { readonly kind: 'blocked'; readonly block: PruneBlock; readonly why: string };

/** What the stored hints and the pins need of the log (P1). Pure. */
export function needsOf(
  log: string,
  stored: Readonly<Record<HintsSlotName, HintsRead>>,
  pins: readonly string[],
): LogNeeds {
  if (pins.length > 0) {
    const more = pins.length > 1 ? ` and ${pins.length - 1} more` : '';
    const why = `it is pinned by ${pins[0]}${more}, and this version cannot tell what for`;
    return { kind: 'blocked', block: 'Pinned', why };
  }
  const by: NamedEvidence[] = [];
  for (const slot of HINTS_SLOTS) {
    const read = stored[slot];
    if (read.kind === 'absent')
      return { kind: 'blocked', block: 'HintsMissing', why: `slot ${slot} holds no hints yet` };
    try {
      if (read.kind === 'corrupt') throw read.error;
      by.push({ source: `${slot} of term ${read.term}`, ...neededByHints(log, read.value) });
    } catch (error) {
      return { kind: 'blocked', block: 'HintsDamaged', why: `slot ${slot}: ${ensureError(error).message}` };
    }
  }
  return { kind: 'known', by, evidence: unionOf(by) };
}

/** What any of them needs; the proof names each. */
export function unionOf(by: readonly NamedEvidence[]): PruneEvidence {
  return {
    ranges: by.flatMap(({ ranges }) => ranges),
    proof: by.map(({ source, proof }) => `${source}: ${proof}`).join('; '),
  };
}

/** Where a RecoveryLog's annotations hold the hints. */
export const HINTS_ANNOTATIONS: HintsKeys = {
  primary: ANNOTATIONS.hintsPrimary,
  'backup-0': ANNOTATIONS.hintsBackup0,
  'backup-1': ANNOTATIONS.hintsBackup1,
};

/** What a RecoveryLog says is needed of `log`, from the object as the API server gives it (P1). @throws when the store of large hints does not answer */
export async function needsOfRecoveryLog(
  log: string,
  object: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } },
  objects: HintsObjects,
  signal: AbortSignal,
): Promise<LogNeeds> {
  const annotations = object.metadata?.annotations ?? {};
  return needsOf(log, await resolveSlots(HINTS_ANNOTATIONS, annotations, objects, signal), pinsOf(object));
}

export interface LogNeedsOptions {
  /** Name of the journal. */
  readonly log: string;
  readonly hints: Pick<HintsSlots, 'readAll'>;
  /** Names of the pins that the RecoveryLog has now. @throws when they cannot be read */
  readonly pins: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The compactor's question (P2, P4): the needs, or undefined when nothing may be pruned. Rejects with the signal's reason only. */
export function logNeeds({
  log,
  hints,
  pins,
  logger,
  metrics,
}: LogNeedsOptions): (signal: AbortSignal) => Promise<PruneEvidence | undefined> {
  const blocked = metrics.gauge({
    name: 'holdfast_journal_prune_blocked',
    help: '1 for the reason why nothing may be pruned; all 0 while pruning is possible.',
    labels: ['reason'],
  });
  for (const reason of PRUNE_BLOCKS) blocked.set(0, { reason });
  let told: string | undefined;
  const read = async (signal: AbortSignal): Promise<LogNeeds> => {
    try {
      const held = await pins(signal);
      return needsOf(log, await hints.readAll(signal), held);
    } catch (error) {
      if (isAbortOf(signal, error)) throw error;
      return { kind: 'blocked', block: 'HintsUnreadable', why: ensureError(error).message };
    }
  };
  return async (signal) => {
    const needs = await read(signal);
    const block = needs.kind === 'blocked' ? needs.block : undefined;
    for (const reason of PRUNE_BLOCKS) blocked.set(reason === block ? 1 : 0, { reason });
    const why = needs.kind === 'blocked' ? `${needs.block}: ${needs.why}` : undefined;
    if (why !== told && why !== undefined) logger.info('nothing of the log may be pruned', { log, why });
    if (why !== told && why === undefined) logger.info('the log may be pruned again', { log });
    told = why;
    return needs.kind === 'known' ? needs.evidence : undefined;
  };
}
