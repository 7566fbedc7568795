/**
 * Pods, nodes and our own kinds as the cache holds them, read into what plans and controllers use. Each object is read once.
 */
import { z } from 'zod';
import {
  LABELS,
  parseJournalStore,
  parseRecoveryLog,
  parseShard,
  readLastWords,
  type JournalStore,
  type RecoveryLog,
  type Shard,
} from '../../src/api/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import type { NodeView, PodView, Role } from '../plan/index.ts';

/** Exit codes above this one stand for signals. */
const SIGNAL_EXIT = 128;
const ROLES: readonly string[] = ['primary', 'standby', 'none'];

const terminated = z.looseObject({ exitCode: z.number(), message: z.string().optional() });

const podParts = z.looseObject({
  spec: z.looseObject({ nodeName: z.string().optional() }).optional(),
  status: z
    .looseObject({
      phase: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      podIP: z.string().optional(),
      containerStatuses: z
        .array(
          z.looseObject({
            state: z.looseObject({ terminated: terminated.optional() }).optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

const nodeParts = z.looseObject({
  spec: z.looseObject({ unschedulable: z.boolean().optional() }).optional(),
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
    })
    .optional(),
});

/** Reads each frozen object of a cache once. */
function once<T>(read: (object: KubeObject) => T): (object: KubeObject) => T {
  const known = new WeakMap<KubeObject, { readonly value: T }>();
  return (object) => {
    const held = known.get(object);
    if (held) return held.value;
    const value = read(object);
    known.set(object, { value });
    return value;
  };
}

/** A pod as plans see it. @throws ZodError for an object that is no pod */
export const podView: (object: KubeObject) => PodView = once((object) => {
  const { spec, status } = podParts.parse(object);
  const { metadata } = object;
  const role = metadata.labels?.[LABELS.role];
  const ended = (status?.containerStatuses ?? []).flatMap((c) => c.state?.terminated ?? [])[0];
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec?.nodeName,
    address: status?.podIP === '' ? undefined : status?.podIP,
    phase: phase(status?.phase),
    exitCode: ended?.exitCode,
    end: describeEnd(ended, status),
    deleting: metadata.deletionTimestamp !== undefined,
    role: role !== undefined && ROLES.includes(role) ? (role as Role) : undefined,
  };
});

/** The agent's own words if it had time for them, else what Kubernetes says. */
function describeEnd(
  ended: z.infer<typeof terminated> | undefined,
  status: z.infer<typeof podParts>['status'],
): string | undefined {
  if (!ended) {
    const reason = status?.reason === undefined ? '' : ` (${status.reason}: ${status.message ?? ''})`;
    return status?.phase === 'Failed' || status?.phase === 'Succeeded'
      ? `${status.phase}${reason}`
      : undefined;
  }
  const said = readLastWords(ended.message ?? '');
  const code = `exit code ${ended.exitCode}`;
  if (said) return `${code}, ${said.reason}: ${said.detail}`;
  return ended.exitCode > SIGNAL_EXIT ? `${code}: ended by signal ${ended.exitCode - SIGNAL_EXIT}` : code;
}

function phase(text: string | undefined): PodView['phase'] {
  switch (text) {
    case 'Pending':
    case 'Running':
    case 'Succeeded':
    case 'Failed':
      return text;
    case undefined:
      return 'Pending';
    default:
      return 'Unknown';
  }
}

/** A node as plans see it. @throws ZodError for an object that is no node */
export const nodeView: (object: KubeObject) => NodeView = once((object) => {
  const { spec, status } = nodeParts.parse(object);
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return {
    name: object.metadata.name,
    ready: ready === 'True' || ready === 'False' ? ready : 'Unknown',
    cordoned: spec?.unschedulable === true,
  };
});

/** @throws InvalidObjectError */
export const asShard: (object: KubeObject) => Shard = once(parseShard);
/** @throws InvalidObjectError */
export const asStore: (object: KubeObject) => JournalStore = once(parseJournalStore);
/** @throws InvalidObjectError */
export const asLog: (object: KubeObject) => RecoveryLog = once(parseRecoveryLog);

/** Key of the shard that a pod says it belongs to. */
export function shardKeyOf(pod: KubeObject): string | undefined {
  const shard = pod.metadata.labels?.[LABELS.shard];
  return shard === undefined ? undefined : `${pod.metadata.namespace ?? 'default'}/${shard}`;
}

/** True when the object is controlled by the owner of this UID. */
export function isOwnedBy(object: KubeObject, uid: string | undefined): boolean {
  return (object.metadata.ownerReferences ?? []).some((o) => o.controller === true && o.uid === uid);
}
