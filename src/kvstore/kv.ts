/**
 * The key-value service ready to run: its application over the real state machine.
 */
import { stateMetrics, Follower, Runtime } from '../statemachine/index.ts';
import { KvApplication, type KvApplicationOptions, type KvContext } from './application.ts';
import { type Pin } from './engine/engine.ts';
import { MemoryEngine } from './engine/memory-engine.ts';
import { type Answer, type Query } from './engine/types.ts';
import {
  type FollowedReplica,
  type OpenPrimary,
  type PrimaryReplica,
  type ReplicaFactory,
} from './replica.ts';

type KvFollower = Follower<Query, Answer, Pin>;

/** A key-value service for an agent to host. */
export function kvApplication(options: Omit<KvApplicationOptions, 'replicas'> = {}): KvApplication {
  return new KvApplication({ ...options, replicas: (context) => new StateMachineReplicas(context) });
}

/** The replica that follows, with what the runtime needs of it when it takes over. */
interface Followed extends FollowedReplica {
  readonly machine: MemoryEngine;
  readonly follower: KvFollower;
}

class StateMachineReplicas implements ReplicaFactory {
  readonly #context: KvContext;
  /** The replica that this process follows with; there is one at a time. */
  #followed: Followed | undefined;

  constructor(context: KvContext) {
    this.#context = context;
  }

  follow(live: OpenPrimary['live']): Promise<FollowedReplica> {
    this.#followed = this.#start(live);
    return Promise.resolve(this.#followed);
  }

  async open(primary: OpenPrimary, followed: FollowedReplica | undefined): Promise<PrimaryReplica> {
    const own = followed && followed === this.#followed ? this.#followed : this.#start(primary.live);
    const { machine, follower } = own;
    const { clock, log, metrics } = this.#context;
    const runtime = await Runtime.open({
      follower,
      fs: primary.fs,
      term: primary.term,
      clock,
      log,
      metrics: stateMetrics(metrics),
    });
    return {
      lookup: (query) => runtime.lookup(query),
      stats: () => ({ appliedIndex: runtime.appliedIndex, keys: machine.keys, dataBytes: machine.dataBytes }),
      propose: (cmd, requestId) => runtime.propose(cmd, requestId),
      checkpoint: (signal) => runtime.checkpoint(signal),
      halted: runtime.halted,
      close: () => runtime.close(),
    };
  }

  #start(live: OpenPrimary['live']): Followed {
    const { clock, log } = this.#context;
    const machine = new MemoryEngine({ clock });
    const follower: KvFollower = Follower.start({ machine, live, clock, log });
    return {
      machine,
      follower,
      lookup: (query) => follower.lookup(query),
      stats: () => ({
        appliedIndex: follower.appliedIndex,
        keys: machine.keys,
        dataBytes: machine.dataBytes,
      }),
      failed: follower.failed,
      close: () => follower.close(),
    };
  }
}
