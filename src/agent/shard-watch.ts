/**
 * The pod's own Shard object, followed for as long as the process lives.
 *
 * W1  It never gives up: the API server may be away for hours, and a serving primary goes on serving (DESIGN §4.4).
 * W2  An object with a lower term than one already seen is old news (a lagging API server) and is not delivered (I8).
 */
import { KINDS, parseShard, type Shard } from '../api/index.ts';
import {
  backoffMs,
  HoldfastError,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Random,
} from '../base/index.ts';
import type { KubeClient, KubeObject } from '../kube/index.ts';

export interface ShardWatchOptions {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onShard: (shard: Shard) => void;
}

/** An agent that misses its order costs failover time, so it tries again soon; the cap keeps a thousand of them from crowding a server that comes back. */
const RETRY: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 2000, jitter: 0.5 };
/** The server closes a watch after this long, s. */
const WATCH_SECONDS = 300;
/** A watch that says nothing for longer is broken, ms: bookmarks come every minute or so. */
const WATCH_SILENCE_MS = 90_000;

/** Follows the Shard until the signal aborts; never rejects (W1). */
export async function watchShard(options: ShardWatchOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, log } = options;
  const deliver = delivery(options);
  let attempt = 0;
  while (!signal.aborted) {
    try {
      await follow(options, deliver, signal, () => (attempt = 0));
    } catch (error) {
      if (signal.aborted) return;
      log.warn('the watch of the own Shard has ended; it is begun again', { attempt, error });
    }
    try {
      await clock.sleep(backoffMs(RETRY, attempt++, random), signal);
    } catch {
      return; // only an abort rejects a sleep
    }
  }
}

/** One list and the watches after it. @throws when a list is needed again */
async function follow(
  { kube, namespace, name }: ShardWatchOptions,
  deliver: (object: KubeObject) => void,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  const fieldSelector = `metadata.name=${name}`;
  const list = await kube.list(KINDS.shard, { namespace, fieldSelector, signal });
  progress();
  for (const item of list.items) deliver(item);
  let { resourceVersion } = list;
  while (!signal.aborted) {
    const end = await kube.watch(KINDS.shard, {
      namespace,
      fieldSelector,
      resourceVersion,
      timeoutSeconds: WATCH_SECONDS,
      silenceMs: WATCH_SILENCE_MS,
      signal,
      onOpen: progress,
      onNews: (news) => {
        resourceVersion =
          news.kind === 'bookmark' ? news.resourceVersion : news.object.metadata.resourceVersion;
        if (news.kind === 'added' || news.kind === 'modified') deliver(news.object);
      },
    });
    if (end.kind === 'closed' || end.kind === 'aborted') continue;
    throw new HoldfastError('WATCH_ENDED', `The watch of the own Shard ended: ${end.kind}.`, {
      cause: 'error' in end ? end.error : undefined,
    });
  }
}

/** W2, and an object that makes no sense is told and passed over: the next one may. */
function delivery({ log, onShard }: ShardWatchOptions): (object: KubeObject) => void {
  let highestTerm = 0;
  return (object) => {
    let shard: Shard;
    try {
      shard = parseShard(object);
    } catch (error) {
      log.error('the own Shard cannot be understood; its orders are not followed', { error });
      return;
    }
    const term = shard.status?.assignment?.term ?? 0;
    if (term < highestTerm) return;
    highestTerm = term;
    onShard(shard);
  };
}
