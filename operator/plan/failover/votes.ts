/**
 * The standbys' votes on whether the primary is silent.
 *
 * O1  Only a standby heard a moment ago votes, and only one that has heard the primary before: who never heard it cannot miss it.
 * O2  A vote counts the silence that the standby reported plus the age of the report.
 * O3  Reachable voters decide by majority; a tie is no majority.
 */
import { hasFinished, heardWithin, LINE_FRESH_MS, STANDBY_FRESH_MS } from '../sight.ts';
import type { ShardView } from '../types.ts';

export interface Votes {
  /** Standbys that confirm the silence. */
  readonly silent: readonly string[];
  /** Standbys that hear the primary. */
  readonly hearing: readonly string[];
  /** Reachable standbys that have no opinion. */
  readonly abstained: readonly string[];
}

/**
 * A standby's report is up to a heartbeat period old, and its last line may have been one later than ours. Without the allowance a true
 * silence is confirmed a second late.
 */
const VOTE_ALLOWANCE_MS = 1_000;

/** Collects the votes on `primary`. */
export function countVotes(view: ShardView, primary: string): Votes {
  const silent: string[] = [];
  const hearing: string[] = [];
  const abstained: string[] = [];
  const neededMs = Math.max(LINE_FRESH_MS, view.failover.silenceMs - VOTE_ALLOWANCE_MS);
  for (const replica of view.replicas) {
    const { pod, line, lineAtMs } = replica;
    if (pod.name === primary || hasFinished(replica) || line?.state === 'stopped') continue;
    if (!line || lineAtMs === undefined || !heardWithin(replica, view.nowMs, STANDBY_FRESH_MS)) continue; // O1
    const report = line.peers.find((peer) => peer.pod === primary);
    if (!report || report.state === 'unknown') abstained.push(pod.name);
    else if (report.silentMs + (view.nowMs - lineAtMs) >= neededMs) silent.push(pod.name); // O2
    else hearing.push(pod.name);
  }
  return { silent: silent.sort(), hearing: hearing.sort(), abstained: abstained.sort() };
}

/** O3 */
export function isConfirmed(votes: Votes): boolean {
  return votes.silent.length > votes.hearing.length;
}

export function hasVoters(votes: Votes): boolean {
  return votes.silent.length + votes.hearing.length > 0;
}
