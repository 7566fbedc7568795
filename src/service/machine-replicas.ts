/**
 * Replicas over the real state machine: its follower, and the runtime that takes it over.
 *
 * M1  One machine a life: the application follows once and is opened once, and what was followed is what is opened.
 */
import { assert } from '../base/index.ts';
import type { LiveDirectory } from '../recoverylog/index.ts';
import { Follower, Runtime, stateMetrics, type StateMachine } from '../statemachine/index.ts';
import type { FollowedReplica, OpenPrimary, PrimaryReplica, ReplicaFactory } from './replica.ts';
import type { ServiceContext } from './service.ts';

type Ports = Pick<ServiceContext, 'clock' | 'log' | 'metrics'>;

export class MachineReplicas<Query, Answer, View> implements ReplicaFactory<Query, Answer> {
  readonly #machine: StateMachine<Query, Answer | Promise<Answer>, View>;
  readonly #ports: Ports;
  #follower: Follower<Query, Answer | Promise<Answer>, View> | undefined;

  /** `machine` is in its initial state, and belongs to the replicas from here on. */
  constructor(machine: StateMachine<Query, Answer | Promise<Answer>, View>, ports: Ports) {
    this.#machine = machine;
    this.#ports = ports;
  }

  follow(live: LiveDirectory): Promise<FollowedReplica<Query, Answer>> {
    const follower = this.#start(live);
    return Promise.resolve({
      get appliedIndex(): number {
        return follower.appliedIndex;
      },
      lookup: (query) => follower.lookup(query),
      failed: follower.failed,
      close: () => follower.close(),
    });
  }

  async open(
    { fs, live, term }: OpenPrimary,
    followed: FollowedReplica<Query, Answer> | undefined,
  ): Promise<PrimaryReplica<Query, Answer>> {
    const { clock, log, metrics } = this.#ports;
    const follower = this.#follower ?? this.#start(live);
    let runtime: Runtime<Query, Answer | Promise<Answer>, View>;
    try {
      runtime = await Runtime.open({ follower, fs, term, clock, log, metrics: stateMetrics(metrics) });
    } catch (error) {
      if (!followed) await follower.close(); // else whoever has it does
      throw error;
    }
    return {
      get appliedIndex(): number {
        return runtime.appliedIndex;
      },
      lookup: (query) => runtime.lookup(query),
      propose: (cmd, identity) => runtime.propose(cmd, identity),
      registerSession: () => runtime.registerSession(),
      unregisterSession: (clientId) => runtime.unregisterSession(clientId),
      checkpoint: (signal) => runtime.checkpoint(signal),
      halted: runtime.halted,
      close: () => runtime.close(),
    };
  }

  #start(live: LiveDirectory): Follower<Query, Answer | Promise<Answer>, View> {
    assert(this.#follower === undefined, 'M1: a machine is followed once');
    const { clock, log } = this.#ports;
    this.#follower = Follower.start({ machine: this.#machine, live, clock, log });
    return this.#follower;
  }
}
