/**
 * From what was seen of a log to what its status says: a pure function.
 *
 * F1  The generation is given once, from the UID of the object, and never changes: a log that is deleted and made anew under its old name
 *     starts at a place of its own in the store.
 * F2  `initialized` says that the log has had content. It never goes back: a log that once had history and now shows none has lost it.
 * F3  What was not looked at, or could not be, is not said.
 */
import { setCondition, type Condition, type RecoveryLog } from '../../../src/api/index.ts';
import type { HintsView } from '../hints.ts';
import type { Status } from '../status-write.ts';

export type HeadLook =
  | { readonly kind: 'seen'; readonly head: number }
  /** Nobody looked: the store is missing or not ready. */
  | { readonly kind: 'blocked'; readonly reason: string; readonly message: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

export interface LogFacts {
  readonly head: HeadLook;
  readonly hints: HintsView;
  /** Since the hints were seen to change; undefined when that was before this process looked. */
  readonly hintsAgeSeconds: number | undefined;
}

/** What the status should be. */
export function nextLogStatus(log: RecoveryLog, before: Status, facts: LogFacts, now: string): Status {
  const { status, metadata } = log;
  const generation = metadata.generation ?? 0;
  const { head } = facts;
  const seenHead = head.kind === 'seen' ? head.head : undefined;
  const hasContent = (seenHead ?? 0) > 0 || facts.hints.present;
  let conditions: readonly Condition[] = status?.conditions ?? [];
  for (const news of [readiness(log, facts), reclaim(log)])
    conditions = setCondition(conditions, news, generation, now);
  return {
    ...before,
    observedGeneration: generation,
    generation: status?.generation ?? metadata.uid, // F1
    initialized: status?.initialized === true || hasContent, // F2
    conditions,
    ...(seenHead === undefined ? {} : { head: seenHead }),
    ...(facts.hintsAgeSeconds === undefined ? {} : { hintsAgeSeconds: facts.hintsAgeSeconds }),
  };
}

type News = Parameters<typeof setCondition>[1];

function readiness(log: RecoveryLog, { head, hints }: LogFacts): News {
  const is = (status: News['status'], reason: string, message: string): News => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  if (hints.broken.length > 0) {
    const which = hints.broken.map((b) => `${b.annotation}: ${b.problem}`).join('; ');
    return is(
      'False',
      'HintsBroken',
      `Hints cannot be read (${which}). A restore uses other hints, or the whole log; the next hints of the primary replace them.`,
    );
  }
  if (head.kind === 'blocked') return is('Unknown', head.reason, head.message);
  if (head.kind === 'failed') return is('False', head.reason, head.message);
  if (head.head === 0 && log.status?.initialized === true) {
    return is(
      'False',
      'ContentMissing',
      'The log has had content and the store lists none of it. Nothing will start from nothing: restore the objects of the log.',
    );
  }
  return is(
    'True',
    head.head === 0 ? 'Empty' : 'Readable',
    `The log reaches to byte ${head.head}, as last listed.`,
  );
}

function reclaim(log: RecoveryLog): News {
  if (log.spec.reclaimPolicy === 'Retain') {
    return {
      type: 'ReclaimPolicyHonoured',
      status: 'True',
      reason: 'Retain',
      message: 'Deleting this object leaves the objects in the store.',
    };
  }
  return {
    type: 'ReclaimPolicyHonoured',
    status: 'False',
    reason: 'DeleteNotSupported',
    message:
      'This version does not delete logs from the store: deleting this object leaves its objects there, as with Retain.',
  };
}
