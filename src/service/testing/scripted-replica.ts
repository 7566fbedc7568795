/**
 * Replicas whose every step a test decides, over a real machine: for interleavings that the real runtime reaches only by luck.
 */
import { ensureError, type HoldfastError } from '../../base/index.ts';
import type { SessionEnd } from '../../journal/index.ts';
import {
  logIndex,
  SessionRefusedError,
  type AppliedEntry,
  type Entry,
  type ProposedCommand,
  type Result,
  type Told,
} from '../../statemachine/index.ts';
import type { ServicePrimary } from '../application.ts';
import type { FollowedReplica, PrimaryReplica, ProposalIdentity, ReplicaFactory } from '../replica.ts';

/** What of a machine is needed. */
export interface ScriptedMachine<Query, Answer> {
  update(entries: readonly Entry[]): readonly AppliedEntry[];
  lookup(query: Query): Answer | Promise<Answer>;
}

interface Proposal {
  readonly cmd: Uint8Array;
  readonly identity: ProposalIdentity;
  readonly settled: PromiseWithResolvers<Result>;
}

/** One replica's state, shared by its time as standby and as primary. */
export class ScriptedReplica<Query, Answer>
  implements FollowedReplica<Query, Answer>, PrimaryReplica<Query, Answer>
{
  readonly #machine: ScriptedMachine<Query, Answer>;
  readonly proposals: Proposal[] = [];
  readonly checkpoints: AbortSignal[] = [];
  readonly #failed = Promise.withResolvers<HoldfastError>();
  readonly #halted = Promise.withResolvers<HoldfastError>();
  readonly #first = new Map<string, Result>();
  appliedIndex = 0;
  closed = 0;
  drains = 0;

  constructor(machine: ScriptedMachine<Query, Answer>) {
    this.#machine = machine;
  }

  get failed(): Promise<HoldfastError> {
    return this.#failed.promise;
  }

  get halted(): Promise<HoldfastError> {
    return this.#halted.promise;
  }

  /** Applies a command as the log would: once a request id. */
  apply(cmd: Uint8Array, { requestId }: ProposalIdentity = {}): Result {
    const before = requestId === undefined ? undefined : this.#first.get(requestId);
    if (before) return before;
    this.appliedIndex++;
    const [applied] = this.#machine.update([{ index: logIndex(this.appliedIndex), cmd }]);
    const { result } = applied!;
    if (requestId !== undefined) this.#first.set(requestId, result);
    return result;
  }

  propose(cmd: Uint8Array, identity: ProposalIdentity): Promise<Result> {
    const settled = Promise.withResolvers<Result>();
    this.proposals.push({ cmd, identity, settled });
    return settled.promise;
  }

  async proposeAll(commands: readonly ProposedCommand[], told: Told): Promise<void> {
    const propose = async ({ cmd, identity }: ProposedCommand, n: number): Promise<void> =>
      told(n, await this.propose(cmd, identity).catch(ensureError));
    await Promise.all(commands.map(propose));
  }

  registerSession(): Promise<bigint> {
    return Promise.resolve(1n);
  }

  unregisterSession(clientId: bigint): Promise<void> {
    return clientId === 1n
      ? Promise.resolve()
      : Promise.reject(new SessionRefusedError('session-unknown', clientId));
  }

  /** The log confirms the oldest proposal. */
  confirm(): void {
    const { cmd, identity, settled } = this.proposals.shift()!;
    settled.resolve(this.apply(cmd, identity));
  }

  /** The log fails every proposal. */
  failAll(error: HoldfastError): void {
    for (const { settled } of this.proposals.splice(0)) settled.reject(error);
  }

  fail(error: HoldfastError): void {
    this.#failed.resolve(error);
  }

  halt(error: HoldfastError): void {
    this.#halted.resolve(error);
  }

  lookup(query: Query): Answer | Promise<Answer> {
    return this.#machine.lookup(query);
  }

  stateHash(): string {
    return `scripted/${this.appliedIndex}`;
  }

  checkpoint(signal?: AbortSignal): Promise<void> {
    this.checkpoints.push(signal ?? new AbortController().signal);
    return Promise.resolve();
  }

  drain(): Promise<void> {
    this.drains++;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A factory that hands out `replica`, once `opened` lets it. */
export function scriptedFactory<Query, Answer>(
  replica: ScriptedReplica<Query, Answer>,
  opened: Promise<void> = Promise.resolve(),
): ReplicaFactory<Query, Answer> {
  return {
    follow: () => Promise.resolve(replica),
    open: async () => {
      await opened;
      return replica;
    },
  };
}

/** The primary's side of the log, as far as the application sees it. */
export class ScriptedLog {
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly reads: PromiseWithResolvers<void>[] = [];

  context(): ServicePrimary {
    const unused = undefined as never; // the scripted factory opens no files
    return {
      fs: unused,
      live: unused,
      term: 1,
      ended: this.#ended.promise,
      readIndex: () => {
        const read = Promise.withResolvers<void>();
        this.reads.push(read);
        return read.promise;
      },
    };
  }

  end(end: SessionEnd): void {
    this.#ended.resolve(end);
  }
}
