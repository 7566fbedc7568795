/**
 * Which pods of a shard to make, to delete and to relabel (DESIGN §5.3).
 *
 * U1  The assigned primary is never deleted here, except by suspending; nor is a standby whose loss would leave fewer caught-up ones than
 *     wanted.
 * U2  Ended and lost pods are replaced at once; what is left of them is cleaned up later. A pod is never made under an old name.
 * U3  There are never more than MAX_SURGE pods beyond the wanted number that could still run, whatever is lost or flaps.
 * U4  Processes that end by an error again and again are replaced with a growing pause; the first replacement has none.
 * U5  At most one healthy pod is deleted at a time, and only while the primary serves.
 * U6  The role label follows the assignment: services route by it, and it moves while the new primary is still opening.
 */
import { findPrimary } from './failover/finding.ts';
import {
  heardWithin,
  nodeIsDeleted,
  nodeIsDown,
  nodeOf,
  presence,
  silentMs,
  STANDBY_FRESH_MS,
  type Presence,
} from './sight.ts';
import type { ReplicaView, Role, ShardView } from './types.ts';

export type DeletionReason = 'Finished' | 'Lost' | 'Surplus' | 'Drained' | 'Suspended';

export interface PodPlan {
  /** Number of pods to make now. */
  readonly create: number;
  /** When more may be made; set while a pause holds creation back (U4). */
  readonly createNotBeforeMs?: number | undefined;
  readonly delete: readonly { readonly pod: string; readonly uid: string; readonly reason: DeletionReason }[];
  readonly labels: readonly { readonly pod: string; readonly uid: string; readonly role: Role }[];
}

/** Ends by error in a row, and when the last was seen. */
export interface CrashHistory {
  readonly failures: number;
  readonly lastAtMs: number;
}

/** U3: room to replace every pod of an ordinary shard once while the lost ones still count. */
const MAX_SURGE = 2;
/** A lost pod may come back within this time (a frozen node thaws); then it is kept in place of its replacement. */
const LOST_GRACE_MS = 60_000;
/** U4 */
const CRASH_FIRST_MS = 1_000;
const CRASH_CAP_MS = 30_000;
/** A shard calm for this long starts its count anew. */
const CRASH_FORGET_MS = 600_000;

/** Counts `ends` further error ends into the history. Clean ends and fenced old primaries are no errors: the caller leaves them out. */
export function noteCrashes(
  history: CrashHistory | undefined,
  ends: number,
  nowMs: number,
): CrashHistory | undefined {
  const current = history && nowMs - history.lastAtMs >= CRASH_FORGET_MS ? undefined : history;
  if (ends === 0) return current;
  return { failures: (current?.failures ?? 0) + ends, lastAtMs: nowMs };
}

/** The plan for the pods of one shard. */
export function planPods(view: ShardView, crashes: CrashHistory | undefined): PodPlan {
  const labels = planLabels(view);
  if (view.suspended) return { create: 0, delete: suspend(view), labels };
  if (view.paused) return { create: 0, delete: [], labels };
  const counted = view.replicas.map((replica) => ({ replica, presence: presence(replica, view) }));
  return { ...creation(view, counted, crashes), delete: deletions(view, counted), labels };
}

interface Counted {
  readonly replica: ReplicaView;
  readonly presence: Presence;
}

function creation(
  view: ShardView,
  counted: readonly Counted[],
  crashes: CrashHistory | undefined,
): Pick<PodPlan, 'create' | 'createNotBeforeMs'> {
  const wanted = 1 + view.standbys;
  const lasting = counted.filter((c) => c.presence === 'present' && !isDrained(c.replica, view)).length;
  const existing = counted.filter((c) => c.presence === 'present' || c.presence === 'lost').length;
  const create = Math.max(0, Math.min(wanted - lasting, wanted + MAX_SURGE - existing)); // U2, U3
  if (create === 0) return { create: 0 };
  const notBeforeMs =
    crashes && crashes.failures > 1 ? crashes.lastAtMs + crashPauseMs(crashes.failures) : -Infinity; // U4
  return view.nowMs < notBeforeMs ? { create: 0, createNotBeforeMs: notBeforeMs } : { create };
}

function crashPauseMs(failures: number): number {
  return Math.min(CRASH_CAP_MS, CRASH_FIRST_MS * 2 ** Math.min(failures - 2, 16));
}

function deletions(view: ShardView, counted: readonly Counted[]): PodPlan['delete'] {
  const list: PodPlan['delete'][number][] = [];
  const primary = view.assignment?.primary;
  for (const { replica, presence } of counted) {
    const { name, uid, deleting } = replica.pod;
    if (name === primary || deleting) continue; // U1
    if (presence === 'finished') list.push({ pod: name, uid, reason: 'Finished' });
    if (presence === 'lost' && lostForGood(replica, view)) list.push({ pod: name, uid, reason: 'Lost' });
  }
  const surplus = list.length === 0 ? surplusPod(view, counted) : undefined; // U5
  return surplus ? [surplus] : list;
}

function lostForGood(replica: ReplicaView, view: ShardView): boolean {
  return nodeIsDeleted(replica, view.nodes) || (silentMs(replica, view.nowMs) ?? 0) >= LOST_GRACE_MS;
}

/** The healthy pod that is one too many, if its loss harms nothing (U1, U5). */
function surplusPod(view: ShardView, counted: readonly Counted[]): PodPlan['delete'][number] | undefined {
  const { assignment } = view;
  if (!assignment || findPrimary(view, assignment).kind !== 'serving') return undefined;
  if (counted.some((c) => c.presence === 'deleting' && !nodeIsDown(c.replica, view.nodes))) return undefined;
  const present = counted.filter((c) => c.presence === 'present').map((c) => c.replica);
  if (present.length <= 1 + view.standbys) return undefined;
  const order = (r: ReplicaView): readonly [number, number, number] => [
    isDrained(r, view) ? 0 : 1,
    isCaughtUp(r, view) ? 1 : 0,
    r.line?.appliedOffset ?? -1,
  ];
  const others = present
    .filter((r) => r.pod.name !== assignment.primary)
    .sort((a, b) => compare(order(a), order(b)) || (a.pod.name > b.pod.name ? -1 : 1));
  const victim = others[0];
  if (!victim) return undefined;
  const left = others.slice(1).filter((r) => isCaughtUp(r, view) && !isDrained(r, view)).length;
  if (left < view.standbys) return undefined;
  return {
    pod: victim.pod.name,
    uid: victim.pod.uid,
    reason: isDrained(victim, view) ? 'Drained' : 'Surplus',
  };
}

/** Standbys first; the primary, with nobody left to follow it, last: it releases the log when it goes. */
function suspend(view: ShardView): PodPlan['delete'] {
  const named = (r: ReplicaView): PodPlan['delete'][number] => ({
    pod: r.pod.name,
    uid: r.pod.uid,
    reason: 'Suspended',
  });
  const others = view.replicas.filter((r) => r.pod.name !== view.assignment?.primary);
  const pending = others.filter((r) => !r.pod.deleting);
  if (pending.length > 0) return pending.map(named);
  if (others.some((r) => !nodeIsDown(r, view.nodes))) return [];
  return view.replicas.filter((r) => r.pod.name === view.assignment?.primary && !r.pod.deleting).map(named);
}

/** U6. Only differences are listed. */
function planLabels(view: ShardView): PodPlan['labels'] {
  return view.replicas.flatMap((replica) => {
    const role = roleOf(replica, view);
    const { name, uid } = replica.pod;
    return role === replica.pod.role ? [] : [{ pod: name, uid, role }];
  });
}

/** The role a replica plays for clients. */
export function roleOf(replica: ReplicaView, view: ShardView): Role {
  const state = presence(replica, view);
  if (state === 'finished') return 'none';
  if (replica.pod.name === view.assignment?.primary) return 'primary';
  return state === 'present' && replica.line?.state === 'tailing' ? 'standby' : 'none';
}

function isDrained(replica: ReplicaView, view: ShardView): boolean {
  return nodeOf(replica, view.nodes)?.cordoned === true;
}

function isCaughtUp(replica: ReplicaView, view: ShardView): boolean {
  return replica.line?.state === 'tailing' && heardWithin(replica, view.nowMs, STANDBY_FRESH_MS);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}
