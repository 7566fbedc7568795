/**
 * runtime: a primary's state machine, log first (seeds.md §5.2, decision 1).
 *
 *   open -> halted | closed
 *
 * N1  An entry is applied, and its proposals are answered, once it is durable in the log, in the order of the log. So what can be read is confirmed
 *     (s3log.md §6.4c L4) and what was answered is never lost.
 * N2  The first failure of log, disk or machine halts the runtime for good. Proposals that were never written are told 'rejected'; all others
 *     'unknown', since their bytes may be in the log whatever the failure says.
 * N3  A primary's first entry is a no-op with its term.
 * N4  Every proposal is answered: by its result, by the halt, or by close.
 * N5  After the halt or close nothing is read any more: another primary may have written since.
 */
import {
  assert,
  ensureError,
  isAbortOf,
  raceAbort,
  type HoldfastError,
  silentLogger,
  type Clock,
  type Logger,
} from '../base/index.ts';
import type { AppliedState } from './applied-state.ts';
import { CurrentFile } from './current-file.ts';
import { indexesOf, type UpdateEnvelope } from './envelope.ts';
import { HistoryBrokenError, ProposalFailedError, ReplicaStoppedError, ShardHaltedError } from './errors.ts';
import type { Follower } from './follower.ts';
import { MAX_BARRIERS, SNAPSHOT_AFTER_BYTES } from './limits.ts';
import { stateMetrics, type StateMetrics } from './metrics.ts';
import type { RecordedDirectory } from './ports.ts';
import { ProposalQueue, requestIdOf, type Proposal } from './proposals.ts';
import { logIndex, logTerm, type Result, type Term } from './types.ts';

export interface RuntimeOptions<Query, Answer, View> {
  /** What has followed the state so far; the runtime takes its machine over. */
  readonly follower: Follower<Query, Answer, View>;
  readonly fs: RecordedDirectory;
  readonly term: number;
  readonly clock: Clock;
  readonly log?: Logger;
  readonly metrics?: StateMetrics;
  /** Log bytes behind the last snapshot that start the next one, unless that snapshot was longer. */
  readonly snapshotAfterBytes?: number;
}

/** A snapshot under way, and what whoever began it can give it up with. */
interface SnapshotUnderWay {
  readonly done: Promise<void>;
  readonly signal: AbortSignal | undefined;
}

type Phase =
  | { readonly kind: 'open' }
  | { readonly kind: 'halted'; readonly error: ShardHaltedError }
  | { readonly kind: 'closed' };

export class Runtime<Query, Answer, View> {
  /** Settles when the runtime has halted (N2); never rejects. A close is no halt. */
  readonly halted: Promise<HoldfastError>;
  readonly #tellHalted: (error: HoldfastError) => void;
  readonly #state: AppliedState<Query, Answer, View>;
  readonly #file: CurrentFile;
  readonly #term: Term;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: StateMetrics;
  readonly #snapshotAfterBytes: number;
  readonly #queue: ProposalQueue = new ProposalQueue();
  /** Written, and not applied yet. */
  readonly #written = new Set<Proposal>();
  readonly #stop = new AbortController();
  readonly #writing: Promise<void>;
  #phase: Phase = { kind: 'open' };
  #nextIndex: number;
  #barriers = 0;
  /** Applying goes on in the order of writing (N1). Never rejects. */
  #applying: Promise<void> = Promise.resolve();
  #snapshot: SnapshotUnderWay | undefined;
  /** Tail bytes at which the next snapshot starts by itself. */
  #snapshotAt: number;
  #wake: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    options: RuntimeOptions<Query, Answer, View>,
    state: AppliedState<Query, Answer, View>,
    file: CurrentFile,
  ) {
    this.#state = state;
    this.#file = file;
    this.#term = logTerm(options.term);
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.#metrics = options.metrics ?? stateMetrics();
    this.#snapshotAfterBytes = options.snapshotAfterBytes ?? SNAPSHOT_AFTER_BYTES;
    this.#snapshotAt = this.#nextSnapshotAt();
    this.#nextIndex = state.index + 1;
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.halted = promise;
    this.#tellHalted = resolve;
    this.#metrics.applied(state.index, 0);
    this.#writing = this.#writeLoop();
  }

  /**
   * Takes over what `follower` has applied, applies the rest and commits the first entry of its term (N3). The follower is used up.
   * @throws StateDamagedError, HistoryBrokenError, MachineFailedError, what the log says, the signal's reason
   */
  static async open<Query, Answer, View>(
    options: RuntimeOptions<Query, Answer, View>,
    signal?: AbortSignal,
  ): Promise<Runtime<Query, Answer, View>> {
    const followed = await options.follower.finish(signal);
    const { state } = followed;
    const term = logTerm(options.term);
    if (term < state.term)
      throw new HistoryBrokenError('the log knows a later term', { term, before: state.term });
    const file = await CurrentFile.open(options.fs, followed);
    const noop: UpdateEnvelope = { kind: 'noop', term, first: logIndex(state.index + 1) };
    try {
      await file.append(noop);
      await raceAbort(file.durable(), signal);
      state.apply(noop);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Runtime(options, state, file);
  }

  get appliedIndex(): number {
    return this.#state.index;
  }

  /** Answers from what is applied now, all of it durable (N1). @throws ShardHaltedError, ReplicaStoppedError (N5), what the machine throws */
  lookup(query: Query): Answer {
    if (this.#phase.kind !== 'open') throw this.#ending();
    return this.#state.lookup(query);
  }

  stateHash(): string {
    return this.#state.stateHash();
  }

  /**
   * Puts a command into the log and applies it; its bytes must not change until it is answered. With a request id it takes effect at most once, however often it is proposed, as long as the id is
   * remembered (limits: REMEMBERED_REQUESTS).
   * @throws ProposalInvalidError, ProposalQueueFullError, ProposalFailedError
   */
  async propose(cmd: Uint8Array, requestId?: string): Promise<Result> {
    if (this.#phase.kind !== 'open') throw new ProposalFailedError('rejected', this.#ending());
    const id = requestIdOf(requestId);
    const known = this.#state.resultOf(id);
    if (known) return known;
    const answer = this.#queue.add(cmd, id);
    this.#wake();
    return await answer;
  }

  /**
   * Writes a snapshot now, or waits for the one under way; if that is given up by whoever began it, another one is written.
   * @throws the log's errors, what the machine throws, ShardHaltedError, ReplicaStoppedError, the signal's reason
   */
  async checkpoint(signal?: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#phase.kind !== 'open') throw this.#ending();
      const joined = this.#snapshot;
      if (!joined) return await this.#beginSnapshot(signal);
      try {
        return await raceAbort(joined.done, signal);
      } catch (error) {
        if (signal?.aborted || !isAbortOf(joined.signal, error)) throw error;
      }
    }
  }

  /** Stops. Proposals still under way are told so (N4); drain first to have them answered. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const wasOpen = this.#phase.kind === 'open';
    this.#phase = { kind: 'closed' };
    this.#stop.abort(new ReplicaStoppedError());
    if (wasOpen) this.#refuseAll(new ReplicaStoppedError());
    this.#wake();
    await this.#writing;
    await this.#snapshot?.done.catch(() => undefined); // whoever asked for it is told
    await this.#file.close();
    this.#state.machine.close();
  }

  /** Never rejects. */
  async #writeLoop(): Promise<void> {
    while (this.#phase.kind === 'open') {
      if (this.#queue.isEmpty || this.#barriers >= MAX_BARRIERS) {
        await this.#news();
        continue;
      }
      const batch = this.#queue.takeBatch();
      const update: UpdateEnvelope = {
        kind: 'batch',
        term: this.#term,
        first: logIndex(this.#nextIndex),
        commands: batch,
      };
      this.#nextIndex += batch.length;
      for (const proposal of batch) this.#written.add(proposal);
      this.#barriers++;
      try {
        await this.#file.append(update);
      } catch (error) {
        this.#halt(error);
        return;
      }
      this.#applyWhenDurable(update, batch);
    }
  }

  #applyWhenDurable(update: UpdateEnvelope, batch: readonly Proposal[]): void {
    const durable = this.#file.durable();
    durable.catch(() => undefined); // met below, when it is its turn
    this.#applying = this.#applying.then(async () => {
      try {
        await durable;
        this.#barriers--;
        if (this.#phase.kind === 'open') this.#apply(update, batch);
      } catch (error) {
        this.#halt(error);
      }
      this.#wake();
    });
  }

  #apply(update: UpdateEnvelope, batch: readonly Proposal[]): void {
    const results = this.#state.apply(update);
    this.#file.applied(this.#state.index);
    this.#metrics.applied(this.#state.index, indexesOf(update));
    for (const [n, proposal] of batch.entries()) {
      this.#written.delete(proposal);
      const result = results[n];
      assert(result !== undefined, 'every command has a result', { index: update.first + n });
      proposal.answer.resolve(result);
    }
    if (this.#file.tailBytes >= this.#snapshotAt && !this.#snapshot) {
      this.checkpoint().catch((error: unknown) => {
        if (this.#phase.kind === 'open')
          this.#log.error('the snapshot failed; the log keeps growing', { error });
      });
    }
  }

  #beginSnapshot(signal: AbortSignal | undefined): Promise<void> {
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    const done = this.#takeSnapshot(stop).finally(() => (this.#snapshot = undefined));
    this.#snapshot = { done, signal };
    return done;
  }

  async #takeSnapshot(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    try {
      const bytes = await this.#file.replaceBySnapshot(this.#state, signal);
      const ms = this.#clock.monotonicMs() - startMs;
      this.#snapshotAt = this.#nextSnapshotAt();
      this.#metrics.snapshot(bytes, ms / 1000);
      this.#log.info('a snapshot has replaced the entries before it', { bytes, ms: Math.round(ms) });
    } catch (error) {
      this.#metrics.snapshotFailed();
      this.#snapshotAt = this.#file.tailBytes + this.#snapshotAfterBytes; // tried again after as much more
      if (this.#phase.kind === 'open') await this.#afterFailedSnapshot();
      signal.throwIfAborted(); // whatever the abort broke on its way
      throw error;
    }
  }

  /** What a snapshot failed of may have ended the log as well; then the runtime halts (N2). Never rejects. */
  async #afterFailedSnapshot(): Promise<void> {
    try {
      await this.#file.discardNext();
    } catch (error) {
      this.#halt(error);
    }
    // Not waited for: a store that does not answer must not keep a failed snapshot, or close, from ending.
    this.#file.durable().catch((error: unknown) => this.#halt(error));
  }

  #nextSnapshotAt(): number {
    return Math.max(this.#snapshotAfterBytes, this.#file.snapshotBytes);
  }

  #halt(cause: unknown): void {
    if (this.#phase.kind !== 'open') return;
    const error = new ShardHaltedError(ensureError(cause));
    this.#phase = { kind: 'halted', error };
    this.#stop.abort(error);
    this.#refuseAll(error);
    this.#log.error('the state machine has halted', { error });
    this.#tellHalted(error);
    this.#wake();
  }

  /** N2, N4 */
  #refuseAll(cause: HoldfastError): void {
    const waiting = this.#queue.takeAll();
    for (const { answer } of waiting) answer.reject(new ProposalFailedError('rejected', cause));
    for (const { answer } of this.#written) answer.reject(new ProposalFailedError('unknown', cause));
    if (waiting.length > 0) this.#metrics.refused('rejected', waiting.length);
    if (this.#written.size > 0) this.#metrics.refused('unknown', this.#written.size);
    this.#written.clear();
  }

  #ending(): HoldfastError {
    return this.#phase.kind === 'halted' ? this.#phase.error : new ReplicaStoppedError();
  }

  #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }
}
