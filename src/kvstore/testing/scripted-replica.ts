/**
 * Replicas whose every step a test decides, over a real KvState: for interleavings that the real runtime reaches only by luck.
 */
import { type HoldfastError } from '../../base/index.ts';
import { type SessionEnd } from '../../journal/index.ts';
import { type KvPrimaryContext } from '../application.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { type Answer, type Query } from '../engine/types.ts';
import {
  type FollowedReplica,
  type PrimaryReplica,
  type ReplicaFactory,
  type ReplicaStats,
} from '../replica.ts';
import { logIndex, type Result } from '../../statemachine/index.ts';

interface Proposal {
  readonly cmd: Uint8Array;
  readonly requestId: string;
  readonly settled: PromiseWithResolvers<Result>;
}

/** One replica's state, shared by its time as standby and as primary. */
export class ScriptedReplica implements FollowedReplica, PrimaryReplica {
  readonly machine: MemoryEngine = new MemoryEngine();
  readonly proposals: Proposal[] = [];
  readonly checkpoints: AbortSignal[] = [];
  readonly #failed = Promise.withResolvers<HoldfastError>();
  readonly #halted = Promise.withResolvers<HoldfastError>();
  readonly #first = new Map<string, Result>();
  appliedIndex = 0;
  closed = 0;

  get failed(): Promise<HoldfastError> {
    return this.#failed.promise;
  }

  get halted(): Promise<HoldfastError> {
    return this.#halted.promise;
  }

  /** Applies a command as the log would: once a request id. */
  apply(cmd: Uint8Array, requestId: string): Result {
    const before = this.#first.get(requestId);
    if (before) return before;
    this.appliedIndex++;
    const [applied] = this.machine.update([{ index: logIndex(this.appliedIndex), cmd }]);
    const { result } = applied!;
    this.#first.set(requestId, result);
    return result;
  }

  propose(cmd: Uint8Array, requestId: string): Promise<Result> {
    const settled = Promise.withResolvers<Result>();
    this.proposals.push({ cmd, requestId, settled });
    return settled.promise;
  }

  /** The log confirms the oldest proposal. */
  confirm(): void {
    const { cmd, requestId, settled } = this.proposals.shift()!;
    settled.resolve(this.apply(cmd, requestId));
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

  lookup(query: Query): Answer {
    return this.machine.lookup(query);
  }

  stats(): ReplicaStats {
    return { appliedIndex: this.appliedIndex, keys: this.machine.keys, dataBytes: this.machine.dataBytes };
  }

  checkpoint(signal?: AbortSignal): Promise<void> {
    this.checkpoints.push(signal ?? new AbortController().signal);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A factory that hands out `replica`, once `opened` lets it. */
export function scriptedFactory(
  replica: ScriptedReplica,
  opened: Promise<void> = Promise.resolve(),
): ReplicaFactory {
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

  context(): KvPrimaryContext {
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
