/**
 * What the cluster itself says while something happens to a shard: the events that the operator writes, as `kubectl get events` would show
 * them, and every new assignment as soon as it stands in the status.
 */
import type { Cluster } from '../cluster/index.ts';
import type { Installation } from './installation.ts';
import { Watched, type WatchedObject } from './watched.ts';

interface EventObject extends WatchedObject {
  readonly involvedObject: { readonly kind: string; readonly name: string };
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
  readonly count?: number;
  readonly reportingInstance?: string;
  readonly source?: { readonly component?: string; readonly host?: string };
}

/** One thing that was said. */
export interface Told {
  readonly shard: string;
  /** Who says it: the pod of an operator, or the object's own status. */
  readonly by: string;
  readonly text: string;
}

/** Calls `tell` with everything new from now on; resolves with what ends that. */
export async function watchStory(
  cluster: Cluster,
  installation: Installation,
  tell: (told: Told) => void,
): Promise<() => void> {
  const path = `/api/v1/namespaces/${installation.namespace}/events`;
  const events = await Watched.start<EventObject>(cluster.api, path);
  const seen = new Map(events.all().map((event) => [event.metadata.name, event.count ?? 1]));
  const offEvents = events.onChange(() => {
    for (const event of events.all()) {
      const count = event.count ?? 1;
      if (event.involvedObject.kind !== 'Shard' || (seen.get(event.metadata.name) ?? 0) >= count) continue;
      seen.set(event.metadata.name, count);
      const by = event.reportingInstance || event.source?.host || event.source?.component || 'operator';
      tell({ shard: event.involvedObject.name, by, text: `${event.reason ?? ''}: ${event.message ?? ''}` });
    }
  });
  const terms = new Map<string, number>();
  const look = (): void => {
    for (const { metadata, status } of installation.shards()) {
      const { term = 0, primary = '', reason = '' } = status?.assignment ?? {};
      if (term <= (terms.get(metadata.name) ?? 0)) continue;
      if (terms.has(metadata.name))
        tell({
          shard: metadata.name,
          by: 'status.assignment',
          text: `term ${term} to ${primary} (${reason})`,
        });
      terms.set(metadata.name, term);
    }
  };
  look();
  const offShards = installation.onShardChange(look);
  return () => {
    offEvents();
    offShards();
    events.stop();
  };
}
