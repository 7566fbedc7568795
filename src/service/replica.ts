/**
 * What the application needs of the replicated state machine: a follower while this replica is a standby, a runtime while it is the primary.
 * The real ones are made in machine-replicas.ts; interleavings are tested against scripted ones.
 */
import type { HoldfastError } from '../base/index.ts';
import type { LiveDirectory, RecordedFs } from '../recoverylog/index.ts';
import type { ProposedCommand, ProposeOptions, Result, Told } from '../statemachine/index.ts';

/** By what a repeated command is known to be the same: an id of its own, or its number in a session. Without either it is a new one each time. */
export type ProposalIdentity = ProposeOptions;

export interface ReplicaView<Query, Answer> {
  readonly appliedIndex: number;
  /** Answers from what is applied now; an answer that takes time may show later commands too. */
  lookup(query: Query): Answer | Promise<Answer>;
  /** Index, term and digests of machine and clients: equal on every replica at one index (DESIGN I7). */
  stateHash(): string | Promise<string>;
}

/** The state of a standby: applies what the player writes. */
export interface FollowedReplica<Query, Answer> extends ReplicaView<Query, Answer> {
  /** Settles when following has ended for good because of damage; never rejects. */
  readonly failed: Promise<HoldfastError>;
  close(): Promise<void>;
}

/** The state of a primary. */
export interface PrimaryReplica<Query, Answer> extends ReplicaView<Query, Answer> {
  /** Resolves with the result once the command is durable and applied. */
  propose(cmd: Uint8Array, identity: ProposalIdentity): Promise<Result>;
  /** The same of several commands, each with an outcome of its own; resolves when all are told, and rejects only with what `told` has thrown. */
  proposeAll(commands: readonly ProposedCommand[], told: Told): Promise<void>;
  registerSession(): Promise<bigint>;
  unregisterSession(clientId: bigint): Promise<void>;
  checkpoint(signal?: AbortSignal): Promise<void>;
  /** Resolves when whoever takes over will have nothing to apply: what was proposed is answered, and an on-disk machine has committed it. */
  drain(signal?: AbortSignal): Promise<void>;
  /** Settles when the runtime has stopped for good; never rejects. */
  readonly halted: Promise<HoldfastError>;
  close(): Promise<void>;
}

export interface OpenPrimary {
  readonly fs: RecordedFs;
  readonly live: LiveDirectory;
  readonly term: number;
}

export interface ReplicaFactory<Query, Answer> {
  follow(live: LiveDirectory): Promise<FollowedReplica<Query, Answer>>;
  /** Takes over what `followed` has applied, applies the rest and commits a first entry of its term; the followed replica is used up. */
  open(
    primary: OpenPrimary,
    followed: FollowedReplica<Query, Answer> | undefined,
  ): Promise<PrimaryReplica<Query, Answer>>;
}
