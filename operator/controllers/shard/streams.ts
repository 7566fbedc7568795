/**
 * One heartbeat stream to every pod of every shard, on the leader and on the passive replica alike, so that a new leader knows at once
 * what the old one knew.
 *
 * S1  A stream belongs to one pod UID at one address. What was heard of it is forgotten with the pod, not with the connection.
 * S2  Listeners are told after the view has changed, and whether the news means more than that the pod is alive.
 * S3  A pod whose process has ended is listened to no more; its last words stay.
 */
import type { Clock, Logger, Random } from '../../../src/base/index.ts';
import { PORTS } from '../../../src/api/index.ts';
import {
  HeartbeatClient,
  type HeartbeatClientOptions,
  type HeartbeatView,
} from '../../../src/agent/heartbeat/index.ts';
import type { KubeObject } from '../../../src/kube/index.ts';
import type { Cache } from '../caches.ts';
import { podView, shardKeyOf } from '../views.ts';

/** A HeartbeatClient, or the simulator's. */
export interface HeartbeatStream {
  readonly view: HeartbeatView;
  /** Listens until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface StreamNews {
  readonly shardKey: string;
  /** More than one further line of the same content (S2). */
  readonly significant: boolean;
}

export interface StreamsOptions {
  readonly pods: Cache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How a stream is made; a HeartbeatClient by default. */
  readonly connect?: ((options: HeartbeatClientOptions) => HeartbeatStream) | undefined;
}

export interface Heard extends HeartbeatView {
  readonly listeningSinceMs: number;
}

interface Listener {
  readonly address: string;
  readonly sinceMs: number;
  readonly stream: HeartbeatStream;
  readonly stop: AbortController;
}

export class HeartbeatStreams {
  readonly name = 'heartbeat streams';
  readonly #options: StreamsOptions;
  readonly #connect: (options: HeartbeatClientOptions) => HeartbeatStream;
  readonly #listeners = new Map<string, Listener>();
  readonly #handlers = new Set<(news: StreamNews) => void>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#connect = options.connect ?? ((inner) => new HeartbeatClient(inner));
  }

  /** What was heard of a pod; undefined while there is nothing to connect to. */
  heard(uid: string): Heard | undefined {
    const listener = this.#listeners.get(uid);
    return listener && { ...listener.stream.view, listeningSinceMs: listener.sinceMs };
  }

  /** Calls `handler` for all later news; handlers only enqueue keys. */
  subscribe(handler: (news: StreamNews) => void): void {
    this.#handlers.add(handler);
  }

  /** Follows the cache of pods until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.pods.subscribe((change) => {
      if (signal.aborted) return;
      if (change.kind === 'deleted') this.#drop(change.old.metadata.uid);
      else this.#follow(change.object);
    });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    unsubscribe();
    for (const uid of this.#listeners.keys()) this.#drop(uid);
    await Promise.all(this.#running);
  }

  #follow(pod: KubeObject): void {
    const { uid, address, phase, exitCode } = podView(pod);
    const shardKey = shardKeyOf(pod);
    const held = this.#listeners.get(uid);
    if (phase === 'Succeeded' || phase === 'Failed' || exitCode !== undefined) {
      held?.stop.abort(new Error('the process of the pod has ended')); // S3
      return;
    }
    if (address === undefined || shardKey === undefined || held?.address === address) return;
    if (held) this.#drop(uid);
    this.#listen(uid, address, shardKey);
  }

  #listen(uid: string, address: string, shardKey: string): void {
    const { clock, random, log } = this.#options;
    let before: HeartbeatView | undefined;
    const stream = this.#connect({
      host: address,
      port: PORTS.agent,
      uid,
      clock,
      random,
      log,
      onChange: (view) => {
        const significant = isSignificant(before, view);
        before = view;
        for (const handler of this.#handlers) handler({ shardKey, significant }); // S2
      },
    });
    const stop = new AbortController();
    this.#listeners.set(uid, { address, sinceMs: clock.monotonicMs(), stream, stop });
    const run = stream.run(stop.signal);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run)); // never rejects
  }

  #drop(uid: string): void {
    this.#listeners.get(uid)?.stop.abort(new Error('the pod is gone'));
    this.#listeners.delete(uid);
  }
}

/** Positions, ages and progress change with every line and decide nothing by themselves. */
function isSignificant(before: HeartbeatView | undefined, after: HeartbeatView): boolean {
  const was = before?.connection;
  const is = after.connection;
  if (was?.kind !== is.kind) return true;
  if (was.kind === 'closed' && is.kind === 'closed' && was.refused !== is.refused) return true;
  const [a, b] = [before?.line, after.line];
  return (
    a?.state !== b?.state ||
    a?.term !== b?.term ||
    a?.released !== b?.released ||
    a?.handoff?.term !== b?.handoff?.term
  );
}
