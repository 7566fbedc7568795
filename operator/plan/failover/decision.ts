/**
 * What plan/failover can answer, and the evidence every answer carries (I11: event, status record and log line show the same).
 */
import { describeCandidate, type Candidate } from './candidates.ts';
import type { Finding } from './finding.ts';
import type { Votes } from './votes.ts';

export interface Evidence {
  /** The primary it is about, its term and what was found of it; undefined before the first assignment. */
  readonly primary: { readonly pod: string; readonly term: number; readonly finding: Finding } | undefined;
  readonly votes: Votes | undefined;
  /** Silence that was needed, ms. */
  readonly neededSilenceMs: number | undefined;
  /** Best first. */
  readonly candidates: readonly Candidate[];
}

export type PromoteReason =
  | 'FirstAssignment'
  | 'PrimaryGone'
  | 'PrimaryReleased'
  | 'PrimarySilent'
  | 'PrimaryStuck'
  | 'PrimaryLeaving'
  | 'Switchover'
  | 'NodeDrain'
  /** A pod serves a later term than the object knows (a status restored from a backup): the object follows the log. */
  | 'AdoptServing';

export type KeepReason = 'Serving' | 'Suspended' | 'Paused' | 'HandoffInProgress';

export type WaitReason =
  | 'PrimarySilent'
  | 'PeersHearPrimary'
  | 'NoCandidate'
  | 'PrimaryUnconfirmed'
  | 'PrimaryStuck'
  | 'DrainNeedsStandby';

export type BlindReason = 'EventLoopLate' | 'CachesBehind' | 'MostPodsSilent' | 'NoHistory';

/** What becomes of a switchover request; unless it is `waiting`, the annotation is to be taken away once the decision is carried out. */
export interface RequestAnswer {
  readonly kind: 'accepted' | 'waiting' | 'refused' | 'done';
  readonly reason: string;
  readonly message: string;
}

interface Common {
  readonly evidence: Evidence;
  /** Present whenever a switchover was asked for. */
  readonly request?: RequestAnswer | undefined;
}

export type FailoverDecision = Common &
  (
    | { readonly kind: 'keep'; readonly reason: KeepReason; readonly untilMs?: number | undefined }
    /** Something is wrong or missing; look again at `untilMs` at the latest, or when news comes. */
    | {
        readonly kind: 'wait';
        readonly reason: WaitReason;
        readonly message: string;
        readonly untilMs: number;
      }
    | {
        readonly kind: 'promote';
        readonly pod: string;
        readonly term: number;
        readonly reason: PromoteReason;
        /** The predecessor is alive and finishes on purpose: the successor waits for it a moment before it fences. */
        readonly planned: boolean;
        readonly from: string | undefined;
        /** When what led to this first showed, operator's monotonic ms. */
        readonly detectedSinceMs: number | undefined;
      }
    /** The operator does not trust its own eyes; nothing is done. */
    | {
        readonly kind: 'blind';
        readonly reason: BlindReason;
        readonly message: string;
        readonly untilMs: number;
      }
  );

/** The evidence in one line for events and logs. */
export function describeEvidence(evidence: Evidence): string {
  const parts: string[] = [];
  const { primary, votes, candidates } = evidence;
  if (primary)
    parts.push(`primary ${primary.pod} (term ${primary.term}) ${describeFinding(primary.finding)}`);
  if (votes && votes.silent.length + votes.hearing.length + votes.abstained.length > 0) {
    const names = (who: readonly string[]): string => (who.length === 0 ? 'none' : who.join(', '));
    parts.push(`silence confirmed by ${names(votes.silent)}, denied by ${names(votes.hearing)}`);
  }
  if (candidates.length > 0) parts.push(candidates.map(describeCandidate).join('; '));
  return parts.length === 0 ? 'no replica is known' : parts.join('; ');
}

/** A finding in words that follow the pod's name. */
export function describeFinding(finding: Finding): string {
  switch (finding.kind) {
    case 'serving':
      return 'is serving';
    case 'takingOver':
      return 'is taking over';
    case 'stuck':
      return finding.step === 'order' ? 'has not taken its order' : 'does not finish its promotion';
    case 'gone':
      return `is gone (${finding.cause}${finding.released ? ', released' : ''})`;
    case 'leaving':
      return 'is being deleted';
    case 'quiet':
      return `has been silent for ${(finding.silentMs / 1000).toFixed(1)} s`;
    case 'unseen':
      return 'is not in the cache';
    default:
      return finding satisfies never;
  }
}
