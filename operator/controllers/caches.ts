/**
 * The caches that all controllers share, and their indexes.
 */
import type { Clock, Logger, Metrics } from '../../src/base/index.ts';
import type { KubeObject } from '../../src/kube/index.ts';
import { ObjectCache } from '../runtime/index.ts';
import { asShard, shardKeyOf } from './views.ts';

export type Cache = ObjectCache<KubeObject>;

export interface Caches {
  readonly shards: Cache;
  readonly logs: Cache;
  readonly stores: Cache;
  readonly pods: Cache;
  readonly nodes: Cache;
}

/** Pods by the key of their shard; shards by the keys of their store and log; logs by the key of their store. */
export const BY_SHARD = 'shard';
export const BY_STORE = 'store';
export const BY_LOG = 'log';

/** New, empty caches. */
export function makeCaches(options: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}): Caches {
  const cache = (
    name: string,
    indexes: Readonly<Record<string, (object: KubeObject) => readonly string[]>> = {},
  ): Cache => new ObjectCache<KubeObject>({ ...options, name, indexes });
  return {
    shards: cache('shards', { [BY_STORE]: storesOf, [BY_LOG]: logsOf }),
    logs: cache('recoverylogs', { [BY_STORE]: storesOf }),
    stores: cache('journalstores'),
    pods: cache('pods', { [BY_SHARD]: (pod) => listed(shardKeyOf(pod)) }),
    nodes: cache('nodes'),
  };
}

function storesOf(object: KubeObject): readonly string[] {
  const name = nameIn(object['spec'], 'storeRef');
  return name === undefined ? [] : [`${object.metadata.namespace}/${name}`];
}

/** Every shard has a log: the one it names, or the one of its own name. */
function logsOf(object: KubeObject): readonly string[] {
  return [`${object.metadata.namespace}/${nameIn(object['spec'], 'logRef') ?? object.metadata.name}`];
}

function nameIn(spec: unknown, reference: string): string | undefined {
  const found = (spec as Record<string, { name?: string } | undefined> | undefined)?.[reference];
  return found?.name;
}

/** Key of the log of a shard. */
export function logKeyOf(shard: KubeObject): string {
  const { logRef } = asShard(shard).spec;
  return `${shard.metadata.namespace}/${logRef?.name ?? shard.metadata.name}`;
}

function listed<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
