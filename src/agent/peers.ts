/**
 * This pod's view of its peers: one heartbeat listener per other replica of the shard. What it saw goes into its own heartbeat
 * lines, where it is a vote on who is silent (DESIGN §5.3).
 */
import type { ReplicaStatus } from '../api/index.ts';
import type { Clock, Logger, Random } from '../base/index.ts';
import { HeartbeatClient, type HeartbeatView } from './heartbeat/index.ts';

export interface PeersOptions {
  readonly self: string;
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Peer {
  readonly key: string;
  readonly client: HeartbeatClient;
  readonly stop: AbortController;
  /** When listening began: silence of a peer that never spoke counts from here. */
  readonly sinceMs: number;
}

/** Upper bound on peers listened to; a shard has at most nine replicas, replacements overlap for a while. */
const MAX_PEERS = 24;

export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Listens to exactly these replicas (and not to itself); called whenever the Shard's status changes. */
  follow(replicas: readonly ReplicaStatus[]): void {
    const { self, port, clock, random, log } = this.#options;
    const wanted = new Map(
      replicas
        .filter((r) => r.pod !== self && r.address && r.uid)
        .slice(0, MAX_PEERS)
        .map((r) => [r.pod, { host: r.address!, uid: r.uid!, key: `${r.address}/${r.uid}` }]),
    );
    for (const [pod, peer] of this.#peers) {
      if (wanted.get(pod)?.key === peer.key) continue;
      peer.stop.abort(new Error('peer left'));
      this.#peers.delete(pod);
    }
    for (const [pod, { host, uid, key }] of wanted) {
      if (this.#peers.has(pod)) continue;
      const onChange = (): void => undefined; // what was seen goes out with the next line
      const client = new HeartbeatClient({ host, port, uid, clock, random, log, onChange });
      const stop = new AbortController();
      this.#peers.set(pod, { key, client, stop, sinceMs: clock.monotonicMs() });
      void client.run(stop.signal); // never rejects
    }
  }

  view(pod: string): HeartbeatView | undefined {
    return this.#peers.get(pod)?.client.view;
  }

  /** What goes into a heartbeat line: how long each peer has been silent, ms. */
  report(): { pod: string; silentMs: number; state: string }[] {
    const now = this.#options.clock.monotonicMs();
    return [...this.#peers].map(([pod, peer]) => ({
      pod,
      silentMs: Math.round(now - (peer.client.view.lineAtMs ?? peer.sinceMs)),
      state: peer.client.view.line?.state ?? 'unknown',
    }));
  }

  stop(): void {
    for (const peer of this.#peers.values()) peer.stop.abort(new Error('agent stops'));
    this.#peers.clear();
  }
}
