/**
 * Replicas over the real state machine: its follower, and the runtime that takes it over.
 *
 * M1  One machine a life: the application follows once and is opened once, and what was followed is what is opened.
 */
import { assert, type FileSystemCalls } from '../base/index.ts';
import type { LiveDirectory } from '../recoverylog/index.ts';
import { Follower, Runtime, stateMetrics, type StateMachine } from '../statemachine/index.ts';
import type { FollowedReplica, OpenPrimary, PrimaryReplica, ReplicaFactory } from './replica.ts';
import type { ServiceContext } from './service.ts';

/** What is rarely set. */
export interface ReplicaOptions {
  /** Log bytes behind the last snapshot that start the next one (statemachine: SNAPSHOT_AFTER_BYTES by default). */
  readonly snapshotAfterBytes?: number;
  /** How the files that a standby follows are read; the file system of this machine by default. */
  readonly files?: FileSystemCalls;
}

type Ports = Pick<ServiceContext, 'clock' | 'log' | 'metrics'> & ReplicaOptions;

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
      stateHash: () => follower.stateHash(),
      failed: follower.failed,
      close: () => follower.close(),
    });
  }

  async open(
    { fs, live, term }: OpenPrimary,
    followed: FollowedReplica<Query, Answer> | undefined,
  ): Promise<PrimaryReplica<Query, Answer>> {
    const { clock, log, metrics, snapshotAfterBytes } = this.#ports;
    const rarely = snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes };
    const ports = { fs, term, clock, log, metrics: stateMetrics(metrics), ...rarely };
    const follower = this.#follower ?? this.#start(live);
    let runtime: Runtime<Query, Answer | Promise<Answer>, View>;
    try {
      runtime = await Runtime.open({ ...ports, follower });
    } catch (error) {
      if (!followed) await follower.close(); // else whoever has it does
      throw error;
    }
    return {
      get appliedIndex(): number {
        return runtime.appliedIndex;
      },
      lookup: (query) => runtime.lookup(query),
      stateHash: () => runtime.stateHash(),
      propose: (cmd, identity) => runtime.propose(cmd, identity),
      proposeAll: (commands, told) => runtime.proposeAll(commands, told),
      registerSession: () => runtime.registerSession(),
      unregisterSession: (clientId) => runtime.unregisterSession(clientId),
      checkpoint: (signal) => runtime.checkpoint(signal),
      drain: (signal) => runtime.drain(signal),
      halted: runtime.halted,
      close: () => runtime.close(),
    };
  }

  #start(live: LiveDirectory): Follower<Query, Answer | Promise<Answer>, View> {
    assert(this.#follower === undefined, 'M1: a machine is followed once');
    const { clock, log, files } = this.#ports;
    const machine = this.#machine;
    this.#follower = Follower.start({ machine, live, clock, log, ...(files ? { files } : {}) });
    return this.#follower;
  }
}
