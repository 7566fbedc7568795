/**
 * The switchover annotation: a question by a person, answered once and then taken off (DESIGN §5.2).
 *
 * W1  It is answered at most once for each time it was set: also when the operator dies between handing over and taking it off. What tells is
 *     the record of the handoff: while one of reason Switchover is in progress, the annotation that is there has been answered, and the
 *     record is not completed before the annotation is off.
 */
import { ANNOTATIONS, KINDS } from '../../../src/api/index.ts';
import { isKubeError, type KubeClient, type KubeObject } from '../../../src/kube/index.ts';
import { asShard } from '../views.ts';
import type { ShardMemory } from './memory.ts';

/** Recognizes an annotation that was answered by an earlier process (W1). */
export function recallAnswer(shard: KubeObject, memory: ShardMemory): void {
  const asked = shard.metadata.annotations?.[ANNOTATIONS.switchover];
  if (asked === undefined || memory.answeredRequest !== undefined) return;
  const { status } = asShard(shard);
  const record = status?.handoffs?.find((handoff) => handoff.term === status.assignment?.term);
  if (record?.outcome === 'InProgress' && record.reason === 'Switchover') memory.answeredRequest = asked;
}

/** True while an annotation that was answered is still there. */
export function isAnswered(shard: KubeObject, memory: ShardMemory): boolean {
  const asked = shard.metadata.annotations?.[ANNOTATIONS.switchover];
  return asked !== undefined && asked === memory.answeredRequest;
}

/** Takes the annotation off if it still says what was answered. Returns the object as it is now, if known. @throws KubeError */
export async function takeOff(
  kube: KubeClient,
  shard: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { namespace, name, annotations } = shard.metadata;
  const path = `/metadata/annotations/${ANNOTATIONS.switchover.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const value = annotations?.[ANNOTATIONS.switchover];
  try {
    return await kube.jsonPatch(
      KINDS.shard,
      { namespace, name },
      [
        { op: 'test', path, value },
        { op: 'remove', path },
      ],
      { signal },
    );
  } catch (thrown) {
    if (isKubeError(thrown, 'KUBE_INVALID', 'KUBE_NOT_FOUND')) return undefined; // asked anew, or taken off already
    throw thrown;
  }
}
