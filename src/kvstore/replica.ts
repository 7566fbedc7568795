/**
 * What the application needs of the replicated state machine: a follower while this replica is a standby, a runtime while it is the primary.
 * The real ones come from the statemachine room (wiring in state-machine-replica.ts); interleavings are tested against scripted ones.
 */
import { type HoldfastError } from '../base/index.ts';
import { type LiveDirectory, type RecordedFs } from '../recoverylog/index.ts';
import { type Result } from '../statemachine/index.ts';
import { type Answer, type Query } from './engine/types.ts';

export interface ReplicaStats {
  readonly appliedIndex: number;
  readonly keys: number;
  readonly dataBytes: number;
}

export interface ReplicaView {
  /** Answers from what is applied now, with the index it reflects; both belong together because nothing is awaited between. */
  lookup(query: Query): Answer;
  stats(): ReplicaStats;
}

/** The state of a standby: applies what the player writes. */
export interface FollowedReplica extends ReplicaView {
  /** Settles when following has ended for good because of damage; never rejects. */
  readonly failed: Promise<HoldfastError>;
  close(): Promise<void>;
}

/** The state of a primary. */
export interface PrimaryReplica extends ReplicaView {
  /** Resolves with the result once the command is durable and applied. */
  propose(cmd: Uint8Array, requestId: string): Promise<Result>;
  checkpoint(signal?: AbortSignal): Promise<void>;
  /** Settles when the runtime has stopped for good; never rejects. */
  readonly halted: Promise<HoldfastError>;
  close(): Promise<void>;
}

export interface OpenPrimary {
  readonly fs: RecordedFs;
  readonly live: LiveDirectory;
  readonly term: number;
}

export interface ReplicaFactory {
  follow(live: LiveDirectory): Promise<FollowedReplica>;
  /** Takes over what `followed` has applied, applies the rest and commits a first entry of its term; the followed replica is used up. */
  open(primary: OpenPrimary, followed: FollowedReplica | undefined): Promise<PrimaryReplica>;
}
