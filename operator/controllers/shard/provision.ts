/**
 * The objects around the pods: log, service account, role, services, disruption budget; by server-side apply.
 *
 * V1  Applied once for each content by each process, and again every REAPPLY_MS: what somebody changed or deleted comes back, and a
 *     reconcile that has nothing new to say costs no request.
 * V2  The log is created, never changed: it may hold another's data by now.
 */
import { KINDS } from '../../../src/api/index.ts';
import type { Clock } from '../../../src/base/index.ts';
import { isKubeError, type KubeClient, type KubeManifest, type KubeObject } from '../../../src/kube/index.ts';
import { logKeyOf } from '../caches.ts';
import { resourceOf } from '../kinds.ts';
import { FIELD_MANAGER } from '../ports.ts';
import { asShard } from '../views.ts';
import { agentAccess, disruptionBudget, recoveryLogFor, services } from './resources.ts';

/** V1 */
const REAPPLY_MS = 600_000;

export class Provisioner {
  readonly #kube: KubeClient;
  readonly #clock: Clock;
  readonly #applied = new Map<string, { readonly content: string; readonly atMs: number }>();

  constructor(kube: KubeClient, clock: Clock) {
    this.#kube = kube;
    this.#clock = clock;
  }

  /** Brings the objects of `shard` to where they should be. @throws KubeError */
  async apply(key: string, shard: KubeObject, signal: AbortSignal): Promise<void> {
    const parsed = asShard(shard);
    const logName = logKeyOf(shard).split('/')[1]!;
    const manifests: readonly KubeManifest[] = [
      ...agentAccess(parsed, logName),
      ...services(parsed),
      disruptionBudget(parsed),
    ];
    const content = JSON.stringify(manifests);
    const before = this.#applied.get(key);
    const nowMs = this.#clock.monotonicMs();
    if (before?.content === content && nowMs - before.atMs < REAPPLY_MS) return; // V1
    for (const manifest of manifests) {
      await this.#kube.apply(resourceOf(manifest), manifest, { signal, fieldManager: FIELD_MANAGER });
    }
    this.#applied.set(key, { content, atMs: nowMs });
  }

  /** Creates the log of a shard that names a store (V2). @throws KubeError */
  async createLog(shard: KubeObject, storeName: string, signal: AbortSignal): Promise<void> {
    const manifest = recoveryLogFor(asShard(shard), storeName);
    try {
      await this.#kube.create(KINDS.recoveryLog, manifest, { signal, fieldManager: FIELD_MANAGER });
    } catch (thrown) {
      if (!isKubeError(thrown, 'KUBE_ALREADY_EXISTS')) throw thrown; // the cache will show it
    }
  }

  /** The shard is gone. */
  forget(key: string): void {
    this.#applied.delete(key);
  }
}
