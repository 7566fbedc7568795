/**
 * One coordination Lease as the leader elector wants it. Its times are texts for people; nobody computes with them (runtime R2).
 *
 * V1  A version names the object as well as its state. An API server takes an update of a Lease that is gone as a creation; the uid makes it the
 *     conflict that the port promises.
 */
import { isKubeError, RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import type { LeaseRecord, LeaseStore, LeaseWrite } from '../runtime/index.ts';

export interface LeaseRef {
  readonly namespace: string;
  readonly name: string;
}

export function leaseStore(kube: KubeClient, ref: LeaseRef): LeaseStore {
  const manifest = (record: LeaseRecord): Record<string, unknown> => ({
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationSeconds,
    acquireTime: record.acquireTime,
    renewTime: record.renewTime,
    leaseTransitions: record.transitions,
  });
  const identity = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;
  return {
    read: async (signal) => {
      try {
        const lease = await kube.get(RESOURCES.lease, ref, { signal });
        return { record: recordOf(lease), version: versionOf(lease) };
      } catch (error) {
        if (isKubeError(error, 'KUBE_NOT_FOUND')) return undefined;
        throw error;
      }
    },
    create: (record, signal) =>
      written(
        kube.create(
          RESOURCES.lease,
          { ...identity, metadata: { ...ref }, spec: manifest(record) },
          { signal },
        ),
      ),
    update: (record, version, signal) => {
      const metadata = { ...ref, ...partsOf(version) };
      return written(
        kube.update(RESOURCES.lease, { ...identity, metadata, spec: manifest(record) }, { signal }),
      );
    },
  };
}

async function written(call: Promise<KubeObject>): Promise<LeaseWrite> {
  try {
    return { kind: 'written', version: versionOf(await call) };
  } catch (error) {
    if (isKubeError(error, 'KUBE_CONFLICT', 'KUBE_ALREADY_EXISTS')) return { kind: 'conflict' };
    throw error;
  }
}

/** V1 */
function versionOf({ metadata: { uid, resourceVersion } }: KubeObject): string {
  return `${uid}/${resourceVersion}`;
}

function partsOf(version: string): { readonly uid: string; readonly resourceVersion: string } {
  const slash = version.indexOf('/');
  return { uid: version.slice(0, slash), resourceVersion: version.slice(slash + 1) };
}

function recordOf(lease: KubeObject): LeaseRecord {
  const spec = (lease['spec'] ?? {}) as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return {
    holder: text(spec['holderIdentity']),
    durationSeconds: number(spec['leaseDurationSeconds']),
    acquireTime: text(spec['acquireTime']),
    renewTime: text(spec['renewTime']),
    transitions: number(spec['leaseTransitions']),
  };
}
