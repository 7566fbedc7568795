/**
 * What a service's own code, its HTTP routes for instance, asks of the replica that it runs in, whatever role that has at the moment; and what it is
 * started with. application.ts implements it over any state machine.
 */
import type { Clock, Logger, Metrics, Random } from '../base/index.ts';
import type { ProposedCommand, Result, Told } from '../statemachine/index.ts';
import type { ProposalIdentity } from './replica.ts';

/** linearizable: sees every write acknowledged before the read arrived, at the primary only. stale: whatever this replica has applied. */
export type Consistency = 'linearizable' | 'stale';

export interface ReadResult<T> {
  readonly answer: T;
  /** Index of the last log entry that the answer is sure to reflect. */
  readonly appliedIndex: number;
  /** Bytes of log known to exist but not applied: 0 at a primary, undefined while unknown. */
  readonly lagBytes: number | undefined;
}

/** What a replica is doing (application.ts). */
export type RoleName = 'listening' | 'following' | 'opening' | 'serving' | 'draining' | 'ended' | 'closed';

export interface ServiceStatus {
  readonly role: RoleName;
  readonly appliedIndex: number;
}

export interface Service<Query, Answer> {
  /**
   * Makes a command durable, applies it, and resolves with its result. With an identity it takes effect once, however often it is proposed, as long as
   * the shard remembers it. The command's bytes must not change until then.
   * @throws ServiceError NOT_PRIMARY, INVALID_COMMAND, OVERLOADED, NOT_APPENDED, OUTCOME_UNKNOWN (errors.ts E1), SESSION_UNKNOWN, SERIES_ANSWERED
   */
  propose(cmd: Uint8Array, identity: ProposalIdentity, signal?: AbortSignal): Promise<Result>;
  /**
   * The same of several commands at once, for less than as many promises would cost: `told` is called once for each, with its result or the ServiceError that propose
   * would throw, and the promise resolves when all are told. When it is rejected instead, for a reason that is everybody's, those who were not told do not know.
   * @throws ServiceError NOT_PRIMARY before anything was done, OUTCOME_UNKNOWN when the signal or the end of the service came first
   */
  proposeAll(commands: readonly ProposedCommand[], told: Told, signal?: AbortSignal): Promise<void>;
  /** Begins a session, whose commands the client numbers 1, 2, 3 …; resolves with its number. @throws as propose */
  registerSession(signal?: AbortSignal): Promise<bigint>;
  /** Ends a session; resolves with whether there was such a one. @throws as propose */
  unregisterSession(clientId: bigint, signal?: AbortSignal): Promise<boolean>;
  /** Answers from the state. @throws ServiceError NOT_PRIMARY, READ_NOT_CONFIRMED, and what the machine's lookup throws */
  read(query: Query, consistency: Consistency, signal?: AbortSignal): Promise<ReadResult<Answer>>;
  status(): ServiceStatus;
  /**
   * Index, term and digests of the state as it is here now: equal on every replica at one index. Takes time in proportion to the state.
   * @throws ServiceError NOT_PRIMARY when this replica has no state, and what the machine says that has no hash
   */
  stateHash(): Promise<string>;
}

/** What a service is started with: where to listen, and the ports of the process. */
export interface ServiceContext {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  /** How far the local copy is behind the head of the log, as last seen; undefined while unknown. */
  lag(): { readonly bytes: number; readonly sinceMs: number } | undefined;
}

/** What listens for a service's callers. */
export interface Listener {
  readonly port: number;
  /** Stops, in bounded time; calls under way end with the application, which has ended their waits. Never rejects. */
  close(): Promise<void>;
}

/** Begins to listen. Called once, before the replica has any state: the service itself says NOT_PRIMARY as long as that is so. */
export type Serve<Query, Answer> = (
  service: Service<Query, Answer>,
  context: ServiceContext,
) => Promise<Listener>;
