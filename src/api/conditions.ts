/**
 * Conditions as Kubernetes means them: one a type, with the time of its last change of status and the generation it speaks of.
 */
import type { Condition } from './objects.ts';

export interface ConditionNews {
  readonly type: string;
  readonly status: Condition['status'];
  /** CamelCase, stable. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/**
 * The list with one condition set. The time moves only when the status changes; a list that would not change is returned as it is, so
 * that callers can see that there is nothing to write.
 */
export function setCondition(
  list: readonly Condition[],
  news: ConditionNews,
  generation: number,
  now: string,
): readonly Condition[] {
  const held = list.find((condition) => condition.type === news.type);
  const lastTransitionTime = held?.status === news.status ? held.lastTransitionTime : now;
  const next: Condition = { ...news, observedGeneration: generation, lastTransitionTime };
  if (
    held &&
    held.status === next.status &&
    held.reason === next.reason &&
    held.message === next.message &&
    held.observedGeneration === generation
  )
    return list;
  return held ? list.map((condition) => (condition === held ? next : condition)) : [...list, next];
}
