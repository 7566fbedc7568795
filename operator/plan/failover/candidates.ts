/**
 * Who could take a shard over, who could not and why, and in which order they are asked.
 *
 * D1  A candidate's process runs, was heard a moment ago and tails the log. The log, not the candidate's copy, holds the truth: a candidate
 *     that is behind loses nothing, it only takes longer.
 * D2  Order: not far behind the best; on another node than the lost primary and not cordoned; furthest ahead; heard last; name. The last
 *     makes it total, so that equal input always gives the same answer.
 * D3  Every replica gets a finding, the refused ones with all their reasons: it is the evidence of the decision.
 */
import { hasFinished, heardWithin, nodeOf, silentMs, STANDBY_FRESH_MS } from '../sight.ts';
import type { ReplicaView, ShardView } from '../types.ts';

export type Refusal =
  | 'IsPrimary'
  | 'Exited'
  | 'Deleting'
  | 'NotRunning'
  | 'NeverHeard'
  | 'Silent'
  | 'Starting'
  | 'Restoring'
  | 'NotTailing'
  | 'NodeCordoned'
  | 'Behind';

export interface Candidate {
  readonly pod: string;
  readonly node: string | undefined;
  readonly state: string;
  readonly appliedOffset: number | undefined;
  readonly lagBytes: number | undefined;
  readonly silentMs: number | undefined;
  readonly restoredShare: number | undefined;
  /** Empty: it can take over. */
  readonly refusals: readonly Refusal[];
}

export interface CandidateRules {
  /** Never a candidate: who has the shard now. */
  readonly exclude: string | undefined;
  /** Node of a primary that is lost, to be avoided. */
  readonly avoidNode?: string | undefined;
  /** A planned handoff off a node never goes to a cordoned one. */
  readonly refuseCordoned?: boolean | undefined;
  /** A planned handoff waits for candidates further behind than this, bytes. */
  readonly maxLagBytes?: number | undefined;
}

/** Replays in a fraction of a second: below this, place matters more than position (D2). */
const EVEN_LAG_BYTES = 8 * 1024 * 1024;
/** Lag at which a planned handoff may start; its replay is part of the pause clients see. */
export const PLANNED_LAG_BYTES: number = 1024 * 1024;

/** All replicas as candidates, best first; those with refusals last (D2, D3). */
export function rankCandidates(view: ShardView, rules: CandidateRules): readonly Candidate[] {
  const found = view.replicas.map((replica) => ({ replica, candidate: judge(replica, view, rules) }));
  const best = Math.max(
    0,
    ...found.filter((f) => f.candidate.refusals.length === 0).map((f) => f.candidate.appliedOffset ?? 0),
  );
  const rank = ({ replica, candidate }: (typeof found)[number]): readonly number[] => [
    candidate.refusals.length === 0 ? 0 : 1,
    best - (candidate.appliedOffset ?? 0) <= EVEN_LAG_BYTES ? 0 : 1,
    rules.avoidNode !== undefined && candidate.node === rules.avoidNode ? 1 : 0,
    nodeOf(replica, view.nodes)?.cordoned === true ? 1 : 0,
    -(candidate.appliedOffset ?? -1),
    candidate.silentMs ?? Infinity,
  ];
  return found
    .map((f) => ({ ...f, rank: rank(f) }))
    .sort((a, b) => compare(a.rank, b.rank) || (a.candidate.pod < b.candidate.pod ? -1 : 1))
    .map((f) => f.candidate);
}

/** The one to ask, if any can. */
export function bestCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates[0]?.refusals.length === 0 ? candidates[0] : undefined;
}

/** One candidate in words: position when it can take over, reasons when it cannot. */
export function describeCandidate(candidate: Candidate): string {
  const { pod, refusals, appliedOffset, lagBytes } = candidate;
  if (refusals.length > 0) return describeRefusals(candidate);
  return `${pod} can take over at ${appliedOffset ?? 0} (${lagBytes ?? 0} bytes behind)`;
}

/** Why a replica cannot take over, with how far its restore has come. */
export function describeRefusals(candidate: Candidate): string {
  const { pod, refusals, restoredShare } = candidate;
  const share = restoredShare === undefined ? '' : ` (restored ${Math.floor(restoredShare * 100)} %)`;
  return `${pod} cannot take over: ${refusals.join(', ')}${share}`;
}

function judge(replica: ReplicaView, view: ShardView, rules: CandidateRules): Candidate {
  const { pod, line } = replica;
  const lagBytes = line && Math.max(0, line.headOffset - line.appliedOffset);
  const refusals: Refusal[] = [];
  if (pod.name === rules.exclude) refusals.push('IsPrimary');
  if (hasFinished(replica) || line?.state === 'stopped') refusals.push('Exited');
  else if (pod.deleting) refusals.push('Deleting');
  else if (pod.phase !== 'Running') refusals.push('NotRunning');
  if (!line) refusals.push('NeverHeard');
  else if (!heardWithin(replica, view.nowMs, STANDBY_FRESH_MS)) refusals.push('Silent');
  if (line?.state === 'starting') refusals.push('Starting');
  else if (line?.state === 'restoring') refusals.push('Restoring');
  else if (line && line.state !== 'tailing' && line.state !== 'stopped') refusals.push('NotTailing');
  if (rules.refuseCordoned && nodeOf(replica, view.nodes)?.cordoned === true) refusals.push('NodeCordoned');
  if (rules.maxLagBytes !== undefined && lagBytes !== undefined && lagBytes > rules.maxLagBytes)
    refusals.push('Behind');
  const restore = line?.restore;
  return {
    pod: pod.name,
    node: pod.node,
    state: line?.state ?? 'unknown',
    appliedOffset: line?.appliedOffset,
    lagBytes,
    silentMs: silentMs(replica, view.nowMs),
    restoredShare:
      restore && restore.bytesTotal > 0 ? Math.min(1, restore.bytesDone / restore.bytesTotal) : undefined,
    refusals,
  };
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}
