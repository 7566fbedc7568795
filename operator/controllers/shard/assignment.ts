/**
 * The one write that changes who is primary: Shard.status.assignment, by compare-and-set, before anything else is done (DESIGN §5.2, §5.3).
 *
 * A1  It is written on top of exactly the version that the decision was made from. Whoever decided from an older one gets a conflict and
 *     changes nothing: a later term is never undone (I8).
 * A2  Assignment and handoff record are one write (I11).
 * A3  The same write takes `Ready` back: nobody reads the new term beside conditions that speak of the old one.
 * A4  An unanswered write may have landed. Nothing is concluded from it; the next look reads what stands.
 */
import { KINDS, setCondition, type Assignment, type Condition } from '../../../src/api/index.ts';
import { assert } from '../../../src/base/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { timestamp, type ControllerPorts } from '../ports.ts';
import { statusOf, writeStatus } from '../status-write.ts';
import { asShard } from '../views.ts';
import { recordStart, type Promotion } from './handoffs.ts';
import type { ShardMemory } from './memory.ts';

export type Assigned =
  | { readonly kind: 'assigned'; readonly shard: KubeObject }
  | { readonly kind: 'conflict' };

/** Writes the assignment that was decided at `decidedAtMs`. @throws KubeError when it is unknown or refused */
export async function assign(
  ports: Pick<ControllerPorts, 'kube' | 'clock'>,
  shard: KubeObject,
  promotion: Promotion,
  memory: ShardMemory,
  decidedAtMs: number,
  signal: AbortSignal,
): Promise<Assigned> {
  const { kube, clock } = ports;
  const before = asShard(shard).status;
  assert(promotion.term > (before?.assignment?.term ?? 0), 'terms only grow (I8)', { term: promotion.term });
  const now = timestamp(clock);
  const assignment: Assignment = {
    term: promotion.term,
    primary: promotion.pod,
    planned: promotion.planned,
    reason: promotion.reason,
    since: now,
    ...(promotion.from === undefined ? {} : { from: promotion.from }),
  };
  const signAtMs = firstSign(promotion, memory, decidedAtMs);
  const detectMs = signAtMs === undefined ? undefined : decidedAtMs - signAtMs;
  const handoffs = recordStart(before?.handoffs ?? [], promotion, detectMs, now);
  const conditions = handingOver(shard, promotion, now);
  const next = { ...statusOf(shard), assignment, handoffs, conditions };
  const write = await writeStatus(kube, KINDS.shard, shard, next, signal); // A1, A2
  if (write.kind !== 'written') return { kind: 'conflict' };
  memory.handoff = {
    term: promotion.term,
    signAtMs,
    decidedAtMs,
    assignedAtMs: clock.monotonicMs(),
  };
  return { kind: 'assigned', shard: write.object };
}

/** What the clock of a handoff starts with: the first sign of a loss, or the moment a planned one was asked for. */
function firstSign(promotion: Promotion, memory: ShardMemory, decidedAtMs: number): number | undefined {
  const { detectedSinceMs, planned, reason } = promotion;
  if (detectedSinceMs !== undefined) return detectedSinceMs;
  if (reason === 'Switchover') return memory.requestSinceMs ?? decidedAtMs;
  return planned ? decidedAtMs : undefined;
}

/** A3. A pod that serves already is not asked to take over. */
function handingOver(shard: KubeObject, promotion: Promotion, now: string): readonly Condition[] {
  let conditions: readonly Condition[] = asShard(shard).status?.conditions ?? [];
  if (promotion.reason === 'AdoptServing') return conditions;
  const { pod, term } = promotion;
  const news = {
    status: 'False',
    reason: 'HandoffInProgress',
    message: `Pod ${pod} takes over in term ${term}.`,
  } as const;
  for (const type of ['Ready', 'PrimaryServing'])
    conditions = setCondition(conditions, { type, ...news }, shard.metadata.generation ?? 0, now);
  return conditions;
}
