/**
 * What a shard's pods need before they can be made: a store that keeps its promises, and a log with a generation.
 *
 * Q1  Without them nothing is made, and the Shard says which is missing and why. What runs already is not touched: a failover needs none
 *     of them from the operator.
 * Q2  A log belongs to one Shard: of several that name it, the oldest has it.
 */
import type { JournalStore, RecoveryLog } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import { BY_LOG, logKeyOf, type Caches } from '../caches.ts';
import { asLog, asShard, asStore } from '../views.ts';

export interface Provisions {
  readonly store: JournalStore;
  readonly storeUrl: string;
  readonly log: RecoveryLog;
  readonly journal: string;
  readonly generation: string;
}

export type Prerequisites =
  | { readonly kind: 'ready'; readonly provisions: Provisions }
  /** The log is to be made, or on its way: nothing is wrong. */
  | {
      readonly kind: 'makeLog';
      readonly storeName: string;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly kind: 'missing'; readonly reason: string; readonly message: string };

/** What the caches say of the prerequisites of `shard`. */
export function findPrerequisites(shard: KubeObject, caches: Caches): Prerequisites {
  const namespace = shard.metadata.namespace!;
  const { spec } = asShard(shard);
  const logKey = logKeyOf(shard);
  const owner = ownerOfLog(logKey, caches);
  if (owner && owner.metadata.uid !== shard.metadata.uid) {
    return missing(
      'LogInUse',
      `RecoveryLog ${logKey} is used by the older Shard ${owner.metadata.name}; give this one a log of its own.`,
    ); // Q2
  }
  const found = caches.logs.get(logKey);
  const storeName = (found && asLog(found).spec.storeRef.name) ?? spec.storeRef?.name;
  if (storeName === undefined)
    return missing('LogMissing', `There is no RecoveryLog ${logKey}; create it or name another.`);
  if (spec.storeRef && storeName !== spec.storeRef.name) {
    return missing(
      'LogOfOtherStore',
      `RecoveryLog ${logKey} lives in JournalStore ${storeName}, not in ${spec.storeRef.name}; use logRef, or another name for the Shard.`,
    );
  }
  const store = findStore(`${namespace}/${storeName}`, caches);
  if (store.kind === 'missing') return store;
  if (!found)
    return {
      kind: 'makeLog',
      storeName,
      reason: 'LogMissing',
      message: `RecoveryLog ${logKey} is being made.`,
    };
  const log = asLog(found);
  const generation = log.status?.generation;
  if (generation === undefined) return missing('LogNotReady', `RecoveryLog ${logKey} has no generation yet.`);
  const { journal } = log.spec;
  return { kind: 'ready', provisions: { store: store.store, storeUrl: store.url, log, journal, generation } };
}

function findStore(
  key: string,
  caches: Caches,
): { readonly kind: 'found'; readonly store: JournalStore; readonly url: string } | Missing {
  const found = caches.stores.get(key);
  if (!found) return missing('StoreMissing', `There is no JournalStore ${key}; create it.`);
  const store = asStore(found);
  const ready = store.status?.conditions?.find((condition) => condition.type === 'Ready');
  const url = store.status?.url;
  if (ready?.status === 'True' && url !== undefined) return { kind: 'found', store, url };
  const why = ready ? `${ready.reason}: ${ready.message}` : 'it has not been probed yet';
  return missing('StoreNotReady', `JournalStore ${key} is not ready (${why}).`);
}

type Missing = Extract<Prerequisites, { kind: 'missing' }>;

function missing(reason: string, message: string): Missing {
  return { kind: 'missing', reason, message };
}

/** Q2: age by the server's own time, then name, so that every operator names the same one. */
function ownerOfLog(logKey: string, caches: Caches): KubeObject | undefined {
  const order = (s: KubeObject): string => `${s.metadata.creationTimestamp ?? ''} ${s.metadata.name}`;
  return [...caches.shards.byIndex(BY_LOG, logKey)].sort((a, b) => (order(a) < order(b) ? -1 : 1))[0];
}
