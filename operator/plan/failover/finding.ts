/**
 * What has become of the assigned primary: one finding from all that was seen.
 *
 * G1  Proof comes before silence: an ended process, a deleted pod, a refused connection after a closed stream.
 * G2  A closed stream alone is no proof: connections break. It is followed within milliseconds by an answer to the next attempt
 *     (open, refused) or by silence.
 * G3  A primary that was told its term and does not act on it is stuck, however lively its heartbeats are.
 * G4  Absence from the cache is not absence: the cache may be older than the assignment.
 */
import { hasFinished, heardWithin, LINE_FRESH_MS, nodeIsDeleted, silentMs } from '../sight.ts';
import type { AssignmentView, ReplicaView, ShardView } from '../types.ts';

export type GoneCause =
  | 'PodDeleted'
  | 'ProcessExited'
  | 'ProcessStopped'
  | 'ConnectionRefused'
  | 'NodeDeleted';

export type Finding =
  | { readonly kind: 'serving' }
  /** Heard, and on its way to serving its term. */
  | { readonly kind: 'takingOver'; readonly sinceMs: number; readonly untilMs: number }
  /** Heard, but past the time a handoff may take (G3). */
  | { readonly kind: 'stuck'; readonly step: 'order' | 'promotion'; readonly sinceMs: number }
  /** Its process has ended or its pod is no more (G1). */
  | {
      readonly kind: 'gone';
      readonly cause: GoneCause;
      readonly sinceMs: number | undefined;
      readonly released: boolean;
    }
  /** Its pod is being deleted; the process is still there. */
  | { readonly kind: 'leaving' }
  /** No line for longer than normal, and no proof of anything. */
  | { readonly kind: 'quiet'; readonly sinceMs: number; readonly silentMs: number }
  /** Not in the cache, and nobody has asked the API server (G4). */
  | { readonly kind: 'unseen' };

/** From a term's assignment to the pod saying that it acts on it: an API watch delivers in well under a second. */
export const ORDER_PATIENCE_MS = 5_000;
/** From there to serving: a planned successor waits 2 s for its predecessor, then fences, replays the last bytes and opens. */
export const PROMOTION_PATIENCE_MS = 30_000;

/** What is known of the assigned primary now. */
export function findPrimary(view: ShardView, assignment: AssignmentView): Finding {
  const replica = view.replicas.find((r) => r.pod.name === assignment.primary);
  if (!replica) {
    if (!view.primaryAbsenceConfirmed) return { kind: 'unseen' }; // G4
    return { kind: 'gone', cause: 'PodDeleted', sinceMs: undefined, released: false };
  }
  return gone(replica, view) ?? alive(replica, view, assignment);
}

function gone(replica: ReplicaView, view: ShardView): Finding | undefined {
  const { connection, line, lineAtMs } = replica;
  const released = line?.state === 'stopped' && line.released === true;
  const sinceMs = connection?.kind === 'closed' ? connection.sinceMs : lineAtMs;
  const because = (cause: GoneCause): Finding => ({ kind: 'gone', cause, sinceMs, released });
  if (hasFinished(replica)) return because('ProcessExited');
  if (line?.state === 'stopped') return because('ProcessStopped');
  if (connection?.kind === 'closed' && connection.refused) return because('ConnectionRefused'); // G2
  if (nodeIsDeleted(replica, view.nodes) && !heardWithin(replica, view.nowMs, LINE_FRESH_MS))
    return because('NodeDeleted');
  return undefined;
}

function alive(replica: ReplicaView, view: ShardView, assignment: AssignmentView): Finding {
  const { nowMs } = view;
  if (!heardWithin(replica, nowMs, LINE_FRESH_MS)) {
    if (replica.pod.deleting) return { kind: 'leaving' };
    const silent = silentMs(replica, nowMs) ?? Math.max(0, nowMs - assignment.seenSinceMs);
    return { kind: 'quiet', sinceMs: nowMs - silent, silentMs: silent };
  }
  const { state, term } = replica.line!;
  if (replica.pod.deleting) return { kind: 'leaving' };
  if (state === 'serving' && term >= assignment.term) return { kind: 'serving' };
  const acting = state === 'promoting'; // G3
  const patienceMs = acting ? PROMOTION_PATIENCE_MS : ORDER_PATIENCE_MS;
  const untilMs = assignment.seenSinceMs + patienceMs;
  if (nowMs < untilMs) return { kind: 'takingOver', sinceMs: assignment.seenSinceMs, untilMs };
  return { kind: 'stuck', step: acting ? 'promotion' : 'order', sinceMs: assignment.seenSinceMs };
}
