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
 * N6  An on-disk machine commits by and by: when much is applied and not committed, when nothing has come for a while, at every checkpoint, and when it is
 *     drained. What it has not committed is in the log (N1), and is applied again by whoever opens it next.
 */
import {
  assert,
  ensureError,
  isAbortOf,
  raceAbort,
  silentLogger,
  systemRandom,
  type Clock,
  type HoldfastError,
  type Logger,
  type Random,
} from '../base/index.ts';
import type { RecordedFs } from '../recoverylog/index.ts';
import type { AppliedState } from './applied-state.ts';
import type { Outcome } from './command-steps.ts';
import { CommitSchedule } from './commit-schedule.ts';
import { CurrentFile } from './current-file.ts';
import { indexesOf, type Command, type UpdateEnvelope } from './envelope.ts';
import {
  HistoryBrokenError,
  ProposalFailedError,
  ReplicaStoppedError,
  SessionRefusedError,
  ShardHaltedError,
  type Refusal,
} from './errors.ts';
import { isPromise } from './fair-lock.ts';
import type { Follower } from './follower.ts';
import { DISK_SNAPSHOT_AFTER_BYTES, MAX_BARRIERS, SNAPSHOT_AFTER_BYTES } from './limits.ts';
import { stateMetrics, type StateMetrics } from './metrics.ts';
import { openFollowed, saveWhole } from './opened-state.ts';
import type { SnapshotCollector } from './ports.ts';
import type { Place } from './position.ts';
import {
  Answers,
  exactlyOnce,
  ProposalQueue,
  type Reply,
  type Proposal,
  type ProposedCommand,
  type ProposeOptions,
  type Told,
} from './proposals.ts';
import { NO_FILES } from './snapshot-file/no-files.ts';
import { logIndex, logTerm, type MachineKind, type Result, type Term, type WriteChunk } from './types.ts';

export interface RuntimeOptions<Query, Answer, View> {
  /** What has followed the state so far; the runtime takes its machine over. */
  readonly follower: Follower<Query, Answer, View>;
  readonly fs: RecordedFs;
  readonly term: number;
  readonly clock: Clock;
  /** Chooses the numbers of sessions. */
  readonly random?: Random;
  readonly log?: Logger;
  readonly metrics?: StateMetrics;
  /** Log bytes behind the last snapshot that start the next one, unless that snapshot was longer. */
  readonly snapshotAfterBytes?: number;
}

const CLIENT_ID_BYTES = 8;
const NOTHING = new Uint8Array(0);

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
  /** Told whenever nothing waits for an answer any more, or nobody will answer. */
  #drained: (() => void)[] = [];
  /** Applying goes on in the order of writing (N1). Never rejects. */
  #applying: Promise<void> = Promise.resolve();
  #snapshot: SnapshotUnderWay | undefined;
  /** Tail bytes at which the next snapshot starts by itself. */
  #snapshotAt: number;
  #wake: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  readonly #random: Random;
  readonly #commits: CommitSchedule;

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
    this.#random = options.random ?? systemRandom;
    const isOnDisk = state.machine.kind === 'on-disk';
    this.#snapshotAfterBytes =
      options.snapshotAfterBytes ?? (isOnDisk ? DISK_SNAPSHOT_AFTER_BYTES : SNAPSHOT_AFTER_BYTES);
    this.#snapshotAt = this.#nextSnapshotAt();
    this.#nextIndex = state.index + 1;
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.halted = promise;
    this.#tellHalted = resolve;
    this.#metrics.applied(state.index, 0);
    this.#commits = new CommitSchedule(state, options.clock, (error) => this.#halt(error)); // N2: what the machine's files hold then is unknown
    void this.#commits.applied(); // what opening has left; never rejects
    this.#writing = this.#writeLoop();
  }

  /**
   * Takes over what `follower` has applied, applies the rest and commits the first entry of its term (N3). An on-disk machine is opened here. The follower
   * is used up.
   * @throws StateDamagedError, StateBehindError, HistoryBrokenError, MachineFailedError, what the log says, the signal's reason
   */
  static async open<Query, Answer, View>(
    options: RuntimeOptions<Query, Answer, View>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Runtime<Query, Answer, View>> {
    const followed = await options.follower.finish(signal);
    const { position } = followed;
    const term = logTerm(options.term);
    if (term < position.term)
      throw new HistoryBrokenError('the log knows a later term', { term, before: position.term });
    const { fs, log = silentLogger } = options;
    const state = await openFollowed(followed, { fs, log }, signal);
    let file: CurrentFile | undefined;
    try {
      file = await CurrentFile.open(fs, followed, options.clock);
      const noop: UpdateEnvelope = { kind: 'noop', term, first: logIndex(state.index + 1) };
      await file.append(noop);
      await raceAbort(file.durable(), signal);
      await state.apply(noop);
    } catch (error) {
      await file?.close();
      if (!followed.state) await state.close(); // others are the follower's still
      throw error;
    }
    return new Runtime(options, state, file);
  }

  get kind(): MachineKind {
    return this.#state.machine.kind;
  }

  get appliedIndex(): number {
    return this.#state.index;
  }

  /** Answers from what is applied now, all of it durable (N1). @throws ShardHaltedError, ReplicaStoppedError (N5), what the machine throws */
  lookup(query: Query): Answer {
    if (this.#phase.kind !== 'open') throw this.#ending();
    return this.#state.lookup(query);
  }

  /** The same with bytes (F4.17). @throws as lookup, NotOfferedError */
  lookupBytes(query: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (this.#phase.kind !== 'open') throw this.#ending();
    return this.#state.lookupBytes(query);
  }

  /** Digest of machine, clients and position at one index. @throws NotOfferedError, MachineFailedError, ReplicaStoppedError */
  async stateHash(): Promise<string> {
    return await this.#state.stateHash();
  }

  /**
   * Puts a command into the log and applies it; its bytes must not change until it is answered. With a request id, or as a numbered command of a session, it
   * takes effect at most once, however often it is proposed, as long as it is remembered (limits: REMEMBERED_REQUESTS, REMEMBERED_SESSIONS).
   * @throws ProposalInvalidError, ProposalQueueFullError, ProposalFailedError, SessionRefusedError
   */
  async propose(cmd: Uint8Array, options: ProposeOptions = {}): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#propose(cmd, options, { resolve, reject });
    return await promise;
  }

  /** Proposes several commands in this order, each of which has its own outcome, as propose. Resolves when all are told; rejects only with what `told` has thrown. */
  proposeAll(commands: readonly ProposedCommand[], told: Told): Promise<void> {
    const answers = new Answers(commands.length, told);
    for (const [n, { cmd, identity }] of commands.entries())
      try {
        this.#propose(cmd, identity, answers.to(n));
      } catch (error) {
        answers.tell(n, ensureError(error));
      }
    return answers.all;
  }

  /** @throws as propose, before it is told anything */
  #propose(cmd: Uint8Array, options: ProposeOptions, answer: Reply): void {
    if (this.#phase.kind !== 'open') throw new ProposalFailedError('rejected', this.#ending());
    const { requestId, session } = exactlyOnce(options);
    const known = session ? this.#state.resultOfCall(session) : this.#state.resultOf(requestId);
    if (known) return answer.resolve(known);
    this.#ask(session ? { requestId, session, cmd } : { requestId, cmd }, answer);
  }

  /**
   * Begins a session: a client that numbers its commands 1, 2, 3 … has each of them applied once (F4.19).
   * @returns its number, chosen at random @throws ProposalQueueFullError, ProposalFailedError
   */
  async registerSession(): Promise<bigint> {
    for (;;) {
      const clientId = new DataView(this.#random.bytes(CLIENT_ID_BYTES).buffer).getBigUint64(0);
      if (clientId === 0n) continue;
      if ((await this.#sessionStep('register', clientId)) === undefined) return clientId;
    }
  }

  /** Ends a session. @throws SessionRefusedError when there is no such session, ProposalQueueFullError, ProposalFailedError */
  async unregisterSession(clientId: bigint): Promise<void> {
    const refusal = await this.#sessionStep('unregister', clientId);
    if (refusal !== undefined) throw new SessionRefusedError(refusal, clientId);
  }

  /** @returns why it had no effect, if it had none */
  async #sessionStep(kind: 'register' | 'unregister', clientId: bigint): Promise<Refusal | undefined> {
    if (this.#phase.kind !== 'open') throw new ProposalFailedError('rejected', this.#ending());
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#ask({ requestId: NOTHING, cmd: NOTHING, session: { kind, clientId } }, { resolve, reject });
    try {
      await promise;
      return undefined;
    } catch (error) {
      if (error instanceof SessionRefusedError) return error.refusal;
      throw error;
    }
  }

  /** @throws ProposalInvalidError, ProposalQueueFullError */
  #ask(command: Command, answer: Reply): void {
    this.#queue.add(command, answer);
    this.#wake();
  }

  /**
   * Writes a snapshot now, or waits for the one under way; if that is given up by whoever began it, another one is written. When nothing has changed since
   * the last one, nothing is written (F4.9); an on-disk machine may still have files to write anew.
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

  /**
   * Writes the whole state of this moment, whatever the kind of machine: for an export, or a copy (F4.10). Changes nothing.
   * @returns the index and term that it is of @throws what the machine throws, ShardHaltedError, ReplicaStoppedError, the signal's reason
   */
  async save(write: WriteChunk, signal: AbortSignal, files: SnapshotCollector = NO_FILES): Promise<Place> {
    if (this.#phase.kind !== 'open') throw this.#ending();
    return await saveWhole(this.#state, write, AbortSignal.any([signal, this.#stop.signal]), files);
  }

  /**
   * Resolves when everything proposed so far is answered and an on-disk machine has committed it, in the log: whoever takes over has nothing to apply then.
   * @throws MachineFailedError, ShardHaltedError, ReplicaStoppedError, the signal's reason
   */
  async drain(signal?: AbortSignal): Promise<void> {
    while (!this.#queue.isEmpty || this.#written.size > 0) {
      if (this.#phase.kind !== 'open') throw this.#ending();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained.push(resolve);
      await raceAbort(promise, signal);
    }
    if (this.#phase.kind !== 'open') throw this.#ending();
    await raceAbort(this.#commits.now(), signal);
    await raceAbort(this.#file.durable(), signal);
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
    this.#commits.stop();
    await this.#writing;
    await this.#snapshot?.done.catch(() => undefined); // whoever asked for it is told
    await this.#file.close();
    await this.#state.close();
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
        if (this.#phase.kind === 'open') await this.#apply(update, batch);
      } catch (error) {
        this.#halt(error);
      }
      this.#wake();
    });
  }

  /** Waits for nothing that need not be waited for: what is durable is answered in the same turn. */
  #apply(update: UpdateEnvelope, batch: readonly Proposal[]): Promise<void> | undefined {
    const outcomes = this.#state.apply(update);
    if (isPromise(outcomes)) return outcomes.then((all) => this.#answer(update, batch, all));
    return this.#answer(update, batch, outcomes);
  }

  #answer(
    update: UpdateEnvelope,
    batch: readonly Proposal[],
    outcomes: readonly Outcome[],
  ): Promise<void> | undefined {
    this.#file.applied(this.#state.index);
    this.#metrics.applied(this.#state.index, indexesOf(update));
    for (const [n, proposal] of batch.entries()) {
      this.#written.delete(proposal);
      const outcome = outcomes[n];
      assert(outcome !== undefined, 'every command has an outcome', { index: update.first + n });
      if ('refused' in outcome)
        proposal.answer.reject(new SessionRefusedError(outcome.refused, proposal.session?.clientId ?? 0n));
      else proposal.answer.resolve(outcome);
    }
    if (this.#written.size === 0 && this.#queue.isEmpty) this.#tellDrained();
    if (this.#file.tailBytes >= this.#snapshotAt && !this.#snapshot) {
      this.checkpoint().catch((error: unknown) => {
        if (this.#phase.kind === 'open')
          this.#log.error('the snapshot failed; the log keeps growing', { error });
      });
    }
    return this.#commits.applied(); // N6
  }

  #tellDrained(): void {
    const drained = this.#drained;
    this.#drained = [];
    for (const tell of drained) tell();
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
      const { machine } = this.#state;
      if (machine.kind !== 'on-disk' && this.#file.isFresh) return; // F4.9
      const bytes = await this.#file.replaceBySnapshot(this.#state, signal);
      if (machine.kind === 'on-disk') await machine.compact?.(signal);
      const ms = this.#clock.monotonicMs() - startMs;
      this.#snapshotAt = this.#nextSnapshotAt();
      this.#metrics.snapshot(bytes, ms / 1000);
      this.#log.info('a snapshot has replaced the entries before it', { bytes, ms: Math.round(ms) });
    } catch (error) {
      const wasStopped = signal.aborted;
      this.#metrics.snapshotFailed();
      this.#snapshotAt = this.#file.tailBytes + this.#snapshotAfterBytes; // tried again after as much more
      if (this.#state.failure) this.#halt(this.#state.failure); // F4.6: not only the snapshot has failed
      if (this.#phase.kind === 'open') await this.#afterFailedSnapshot();
      if (wasStopped) signal.throwIfAborted(); // whatever the abort broke on its way
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
    this.#tellDrained();
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
