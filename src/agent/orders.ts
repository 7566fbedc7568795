/**
 * What the Shard object orders this pod to do: a pure function.
 *
 * O1  Orders come only from Shard.status.assignment of the pod's own Shard (DESIGN §4.4).
 * O2  An assignment below the highest term seen is old news and orders nothing (I8).
 * O3  An order never says "you may append": the log's fence does. It only says who should try.
 */
import type { Assignment } from '../api/index.ts';

export type Order =
  /** Nothing to do: no assignment yet, old news, or what is already done. */
  | { readonly kind: 'stay' }
  /** Become primary for this term; `waitFor` names a predecessor that is releasing on purpose. */
  | { readonly kind: 'promote'; readonly term: number; readonly waitFor: string | undefined }
  /** Another pod has been given a later term: finish, release and go. */
  | { readonly kind: 'stepDown'; readonly term: number; readonly successor: string };

export interface Standing {
  readonly pod: string;
  /** Term this process acts or acted on; 0 before any. */
  readonly term: number;
  /** Highest term seen in any assignment. */
  readonly highestTermSeen: number;
  readonly primary: boolean;
}

export function orderFor(assignment: Assignment | undefined, standing: Standing): Order {
  if (!assignment || assignment.term < standing.highestTermSeen) return { kind: 'stay' }; // O2
  if (assignment.primary === standing.pod) {
    if (assignment.term <= standing.term) return { kind: 'stay' };
    const waitFor =
      assignment.planned && assignment.from !== undefined && assignment.from !== standing.pod
        ? assignment.from
        : undefined;
    return { kind: 'promote', term: assignment.term, waitFor };
  }
  if (standing.primary && assignment.term > standing.term) {
    return { kind: 'stepDown', term: assignment.term, successor: assignment.primary };
  }
  return { kind: 'stay' };
}
