/**
 * The whole status of a Shard from one look at its world, and whether it is worth a write.
 *
 * T1  A change of a fact (who, which state, which condition) is written at once.
 * T2  Positions, progress and the wording of messages change all the time: they are written along with a fact, else at most every
 *     REFRESH_MS, so that a shard at peace costs the API server six small writes a minute.
 * T3  What later versions put into the status is kept.
 */
import {
  LABELS,
  setCondition,
  type Condition,
  type Handoff,
  type ReplicaStatus,
} from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import type { ReplicaRow, StatusView } from '../../plan/index.ts';
import { mergePatch } from '../merge-patch.ts';
import { statusOf, type Status } from '../status-write.ts';
import { asShard } from '../views.ts';
import type { Prerequisites } from './prerequisites.ts';

/** T2 */
const REFRESH_MS = 10_000;
/** Somebody who waits for a restore wants to see it move. */
const RESTORE_REFRESH_MS = 2_000;
/** Schema limit of the rows; more pods than that are the remains of a storm, newest names win nothing by order. */
const MAX_ROWS = 32;

/** What the status should be. `now` is the wall clock's time, for people. */
export function nextStatus(
  shard: KubeObject,
  view: StatusView,
  handoffs: readonly Handoff[],
  prerequisites: Prerequisites,
  now: string,
): Status {
  const generation = shard.metadata.generation ?? 0;
  let conditions: readonly Condition[] = asShard(shard).status?.conditions ?? [];
  for (const news of withPrerequisites(view, prerequisites))
    conditions = setCondition(conditions, news, generation, now);
  return {
    ...statusOf(shard), // T3
    observedGeneration: generation,
    replicas: view.replicas.slice(0, MAX_ROWS).map(row),
    readyReplicas: view.readyReplicas,
    selector: `${LABELS.shard}=${shard.metadata.name}`,
    phase: view.phase,
    conditions,
    ...(handoffs.length > 0 ? { handoffs } : {}),
  };
}

/** True when `next` is worth a write now (T1, T2). `sinceWriteMs`: since this process last wrote this status. */
export function isWorthWriting(shard: KubeObject, next: Status, sinceWriteMs: number): boolean {
  const before = statusOf(shard);
  if (mergePatch(facts(before), facts(next)) !== undefined) return true;
  const rows = next['replicas'] as readonly ReplicaStatus[];
  const refreshMs = rows.some((r) => r.restore !== undefined) ? RESTORE_REFRESH_MS : REFRESH_MS;
  return sinceWriteMs >= refreshMs && mergePatch(before, next) !== undefined;
}

/** While something is missing, that is why a shard without a serving primary is not ready. */
function withPrerequisites(view: StatusView, prerequisites: Prerequisites): StatusView['conditions'] {
  if (prerequisites.kind === 'ready') return view.conditions;
  const { reason, message } = prerequisites;
  const serving = view.conditions.some((c) => c.type === 'PrimaryServing' && c.status === 'True');
  const affected = serving ? ['Progressing'] : ['Ready', 'Progressing'];
  return view.conditions.map((c) =>
    affected.includes(c.type) && c.reason !== 'Suspended'
      ? { ...c, status: 'False' as const, reason, message }
      : c,
  );
}

function row(view: ReplicaRow): ReplicaStatus {
  const { restore, ...rest } = view;
  const kept = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  ) as unknown as ReplicaStatus;
  if (!restore) return kept;
  const { bytesDone, bytesTotal, etaSeconds } = restore;
  return {
    ...kept,
    restore: {
      bytesDone,
      bytesTotal,
      ...(etaSeconds === undefined ? {} : { etaSeconds: Math.max(0, Math.round(etaSeconds)) }),
    },
  };
}

/** The status without what changes all the time. */
function facts(status: Status): Status {
  const rows = (status['replicas'] ?? []) as readonly ReplicaStatus[];
  const conditions = (status['conditions'] ?? []) as readonly Condition[];
  return {
    ...status,
    replicas: rows.map(({ appliedOffset: _a, headOffset: _h, lagBytes: _l, restore: _r, ...fact }) => fact),
    conditions: conditions.map(({ message: _m, ...fact }) => fact),
  };
}
