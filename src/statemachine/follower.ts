/**
 * follower: a standby's state machine, applying what the player writes as it is written (DESIGN §4.3).
 *
 *   following -> finished | failed | closed
 *
 * W1  It reads the very files that a primary would open, so what it has applied is what a promotion finds applied.
 * W2  When `current` is replaced, the old file is read to its end first; it stays readable as long as it is open.
 * W3  Damage ends it with a typed error; it never skips (state-file L3). Its last state goes on answering nothing: callers watch `failed`.
 * W4  An on-disk machine's files are written by the player, so it is not opened here: its log is followed, and lookups are refused.
 * W5  A snapshot whose files are gone before they were opened was replaced by then; the next one has all that it had.
 */
import {
  ensureError,
  HoldfastError,
  silentLogger,
  systemFiles,
  type Clock,
  type FileSystemCalls,
  type Logger,
} from '../base/index.ts';
import { openPlainFile, type PlainFile } from '../stateio/index.ts';
import { AppliedState } from './applied-state.ts';
import { MachineNotOpenError, ReplicaStoppedError } from './errors.ts';
import { FILE_MOVE_PATIENCE_MS } from './limits.ts';
import { LogTrail } from './log-trail.ts';
import { CURRENT } from './paths.ts';
import type { LiveDirectory } from './ports.ts';
import type { Place } from './position.ts';
import { SnapshotFilesGoneError } from './snapshot-file/errors.ts';
import { linkedFilesOf } from './snapshot-file/linked-files.ts';
import { isMissing, StateFileReader, type FilePlace } from './state-file.ts';
import type { StateMachine } from './types.ts';

export interface FollowerOptions<Query, Answer, View> {
  /** In its initial state; the follower owns it until a runtime takes over. An on-disk one is not opened (W4). */
  readonly machine: StateMachine<Query, Answer, View>;
  readonly live: LiveDirectory;
  readonly clock: Clock;
  readonly log?: Logger;
  /** What `live` leads to; the file system of this machine by default. */
  readonly files?: FileSystemCalls;
}

/** What a runtime takes over. */
export interface Followed<Query, Answer, View> {
  readonly machine: StateMachine<Query, Answer, View>;
  /** Undefined for an on-disk machine, which is not open yet. */
  readonly state: AppliedState<Query, Answer, View> | undefined;
  /** The last entry that was seen. */
  readonly position: Place;
  /** Undefined when there is no state file yet. */
  readonly place: FilePlace | undefined;
}

/** Between two looks for a file that is being moved, ms. */
const MOVE_POLL_MS = 5;

export class Follower<Query, Answer, View> {
  /** Settles when following has ended because of damage or a failing machine; never rejects. */
  readonly failed: Promise<HoldfastError>;
  readonly #fail: (error: HoldfastError) => void;
  readonly #options: FollowerOptions<Query, Answer, View>;
  readonly #state: AppliedState<Query, Answer, View> | undefined;
  /** The state, or the trail of one that is not open (W4). */
  readonly #sink: AppliedState<Query, Answer, View> | LogTrail;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #pumping: Promise<void>;
  #open: { readonly file: PlainFile; readonly reader: StateFileReader } | undefined;
  /** The name `current` has been given to another file since we opened ours. */
  #replaced = true;
  #dirty = true;
  #finishing = false;
  #wake: () => void = () => undefined;
  #failure: HoldfastError | undefined;

  private constructor(options: FollowerOptions<Query, Answer, View>) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    const { machine } = options;
    this.#state = machine.kind === 'on-disk' ? undefined : new AppliedState(machine);
    this.#sink = this.#state ?? new LogTrail();
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.failed = promise;
    this.#fail = resolve;
    this.#unsubscribe = options.live.subscribe(({ path, kind }) => {
      if (path !== CURRENT || kind === 'unlink') return;
      if (kind === 'link') this.#replaced = true;
      this.#dirty = true;
      this.#wake();
    });
    this.#pumping = this.#pump();
  }

  /** Begins to follow. Never fails: what goes wrong shows in `failed`. */
  static start<Query, Answer, View>(
    options: FollowerOptions<Query, Answer, View>,
  ): Follower<Query, Answer, View> {
    return new Follower(options);
  }

  /** Index of the last entry that was applied, or, of an on-disk machine, seen. */
  get appliedIndex(): number {
    return this.#sink.index;
  }

  /** Answers from what is applied now. @throws MachineNotOpenError (W4), the error that ended following, and what the machine throws */
  lookup(query: Query): Answer {
    return this.#opened().lookup(query);
  }

  /** @throws as lookup, NotOfferedError */
  lookupBytes(query: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#opened().lookupBytes(query);
  }

  /** @throws MachineNotOpenError (W4), NotOfferedError, MachineFailedError */
  async stateHash(): Promise<string> {
    return await this.#opened().stateHash();
  }

  #opened(): AppliedState<Query, Answer, View> {
    if (this.#failure) throw this.#failure;
    if (!this.#state) throw new MachineNotOpenError('a standby does not open it');
    return this.#state;
  }

  /**
   * Applies all that is left and hands the state over. Called once, when the player has handed off and nothing more will be written.
   * @throws the error that ended following, the signal's reason
   */
  async finish(signal?: AbortSignal): Promise<Followed<Query, Answer, View>> {
    this.#finishing = true;
    this.#dirty = true;
    this.#wake();
    const onAbort = (): void => this.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#pumping;
      signal?.throwIfAborted();
      if (this.#failure) throw this.#failure;
      const { index, term } = this.#sink;
      const { machine } = this.#options;
      const place = this.#open?.reader.finish();
      return { machine, state: this.#state, position: { index, term }, place };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#unsubscribe();
      await this.#closeFile();
    }
  }

  /** Ends following and the machine. */
  async close(): Promise<void> {
    this.#stop.abort(new ReplicaStoppedError());
    this.#wake();
    this.#unsubscribe();
    await this.#pumping;
    await this.#closeFile();
    await this.#state?.close();
  }

  /** Never rejects. */
  async #pump(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted) {
        if (this.#dirty) {
          this.#dirty = false;
          await this.#step(signal);
        } else if (this.#finishing) return;
        else await this.#news();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#failure =
        error instanceof HoldfastError
          ? error
          : new HoldfastError('STATE_UNREADABLE', 'The state files of this replica cannot be read.', {
              cause: ensureError(error),
            });
      this.#log.error('following the state has ended', { error: this.#failure });
      this.#fail(this.#failure);
    }
  }

  /** Resolves at the next change, finish or close. */
  #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#dirty || this.#finishing || this.#stop.signal.aborted) resolve();
    return promise;
  }

  async #step(signal: AbortSignal): Promise<void> {
    try {
      await this.#read(signal);
    } catch (error) {
      if (!(error instanceof SnapshotFilesGoneError) || !this.#replaced) throw error;
      await this.#closeFile(); // W5
      this.#dirty = true;
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const replaced = this.#replaced;
    this.#replaced = false;
    await this.#open?.reader.advance(signal);
    if (!replaced) return;
    this.#open?.reader.leave(); // W2: the primary writes to it no more
    await this.#closeFile();
    const file = await this.#openCurrent(signal);
    if (!file) return;
    const { live, clock } = this.#options;
    const filesOf = linkedFilesOf(live, clock);
    const reader = new StateFileReader({ path: CURRENT, file, sink: this.#sink, log: this.#log, filesOf });
    this.#open = { file, reader };
    await this.#open.reader.advance(signal);
  }

  /** Opens what is `current` now. The player may be moving it from the staging directory into place: then it is looked for again. */
  async #openCurrent(signal: AbortSignal): Promise<PlainFile | undefined> {
    const { live, clock, files = systemFiles } = this.#options;
    const giveUpMs = clock.monotonicMs() + FILE_MOVE_PATIENCE_MS;
    for (;;) {
      const path = live.resolve(CURRENT);
      if (path === undefined) return undefined;
      try {
        return await openPlainFile(path, 'r', files);
      } catch (error) {
        if (!isMissing(error) || clock.monotonicMs() > giveUpMs) throw error;
      }
      await clock.sleep(MOVE_POLL_MS, signal);
    }
  }

  async #closeFile(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }
}
