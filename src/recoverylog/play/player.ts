/**
 * The player: brings a directory to what the log says, follows the log, and takes it over (gazette.md §5, DESIGN §4.2).
 *
 *   restoring -> tailing -> finishing -> live        any of them -> failed, with nothing open and no name given
 *
 * L2  Nothing is silently empty: hints that the log does not bear out, and a log that has lost the history it is known to have, are errors.
 * L3  A handoff is fence, replay to the fence, an authored no-op, then the directory goes live. The fence stops the old writer; the no-op keeps
 *     Gazette's discipline of sequence and checksum on top of it. Both succeed, or no name is left.
 * L4  Bytes of an operation that a fence or the head has cut off are given up, with their range in the log line.
 * L9  Until the head was reached once, the live view shows nothing: files are not there yet, and most that will have been there by then is dead. From
 *     there on each operation is done as it is read, and told when it is.
 * Restoring is in restorer.ts (L1, L6-L8), what operations mean in operations.ts (L5).
 * A handoff does not wait for the local disk: what makes the data durable is the log, and the directory ends with its pod. finish() does wait.
 */
import { assert, isAbortOf, silentLogger, type Clock, type Logger, type Random } from '../../base/index.ts';
import {
  JournalReader,
  journalMetrics,
  openSession,
  type Journal,
  type JournalEvent,
  type JournalMetrics,
  type Session,
  type SessionOptions,
} from '../../journal/index.ts';
import { HistoryLostError, OtherLogNeededError } from '../errors.ts';
import { encodeFrame } from '../format/frame.ts';
import { Fsm } from '../fsm.ts';
import type { FsmHints } from '../format/hints.ts';
import { TrackedDirectory, type LiveDirectory } from './live-directory.ts';
import type { LocalFs } from './local-fs.ts';
import { LogFeed } from './log-feed.ts';
import type { RecordedOp } from '../format/op.ts';
import { checkPlayable, Operations, type FileChange } from './operations.ts';
import { localPath, stagedPath } from '../paths.ts';
import { openLogs, planWith, type OpenLog } from './plan-restore.ts';
import { ReadProgress, type PlayerProgress } from './progress.ts';
import type { Disk } from '../record/disk.ts';
import { RecordedFs } from '../record/recorded-fs.ts';
import { Recorder } from '../record/recorder.ts';
import { checkReaches, prunedError, wantedParts, type WantedPart } from './restore-plan.ts';
import { cutOff, missingOperations, Restorer, type TailEvent } from './restorer.ts';
import { StagedFiles } from './staged-files.ts';
import type { WindowLimits } from './write-window.ts';

export interface PlayerOptions {
  readonly journal: Journal;
  /** Where to start; undefined: from the beginning of the log. */
  readonly hints: FsmHints | undefined;
  /** The log is known to have history, so an empty one is damage (L2). */
  readonly expectHistory: boolean;
  /** Emptied, then filled. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  /** How the log is found that hints begin in, when it is not this one. */
  readonly openLog?: OpenLog;
  readonly log?: Logger;
  readonly metrics?: JournalMetrics;
  readonly onProgress?: () => void;
  /** What a restore may hold back (WINDOW_LIMITS). */
  readonly window?: WindowLimits;
  readonly fs?: LocalFs;
  /** Under the recorded files of a primary; the file system of this machine by default. */
  readonly disk?: Disk | undefined;
}

export interface TakenOver {
  readonly session: Session;
  readonly recorder: Recorder;
  readonly fs: RecordedFs;
  /** Durations: order to fence, fence to directory live, ms. */
  readonly fenceMs: number;
  readonly replayMs: number;
}

export interface HandoffOptions {
  readonly author: number;
  readonly term: number;
  readonly session?: Partial<SessionOptions>;
}

export class Player {
  /** Resolves when the log has been played to its end for the first time. Never rejects; run() does. */
  readonly tailing: Promise<void>;
  readonly #options: PlayerOptions;
  readonly #log: Logger;
  readonly #metrics: JournalMetrics;
  readonly #fsm: Fsm;
  readonly #operations: Operations;
  /** What of other logs is read first, and of this one. */
  readonly #before: readonly WantedPart[];
  readonly #own: WantedPart;
  readonly #files: StagedFiles;
  readonly #reader: JournalReader;
  readonly #feed: LogFeed;
  readonly #restorer: Restorer;
  readonly #live: TrackedDirectory;
  readonly #progress = new ReadProgress();
  readonly #reachedTail: () => void;
  readonly #stop = new AbortController();
  #callers: AbortSignal | undefined;
  #running: Promise<void> | undefined;
  #phase: PlayerProgress['phase'] = 'restoring';
  #headOffset = 0;

  /** @throws HintsError, OtherLogNeededError */
  constructor(options: PlayerOptions) {
    const { journal, hints, dir, clock, random } = options;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#metrics = options.metrics ?? journalMetrics();
    this.#fsm = new Fsm(hints ?? { log: journal.name, liveNodes: [], properties: [] });
    this.#operations = new Operations(this.#fsm, this.#log);
    const parts = wantedParts(journal.name, hints);
    this.#before = parts.slice(0, -1);
    this.#own = parts.at(-1)!;
    const foreign = parts.find(({ log }) => log !== journal.name);
    if (foreign && !options.openLog) throw new OtherLogNeededError(journal.name, foreign.log);
    this.#files = new StagedFiles(dir, options.fs);
    const reading = { clock, random, pace: 'hot', log: this.#log, metrics: this.#metrics } as const;
    this.#reader = new JournalReader(journal, { ...reading, wanted: this.#own.ranges });
    this.#feed = new LogFeed(journal.name, this.#own.ranges[0]!.begin);
    this.#restorer = new Restorer({
      fsm: this.#fsm,
      operations: this.#operations,
      files: this.#files,
      window: options.window,
      reader: reading,
      log: this.#log,
      onRead: (bytes) => this.#read(bytes),
    });
    this.#live = new TrackedDirectory({ resolve: () => undefined, paths: () => [] }); // L9
    const { promise, resolve } = Promise.withResolvers<void>();
    this.tailing = promise;
    this.#reachedTail = resolve;
  }

  get live(): LiveDirectory {
    return this.#live;
  }

  get progress(): PlayerProgress {
    const appliedOffset = this.#feed.offset;
    const headOffset = Math.max(this.#headOffset, this.#reader.cursor.offset);
    const left = this.#phase === 'restoring' ? undefined : Math.max(0, headOffset - this.#feed.readTo);
    return {
      phase: this.#phase,
      appliedOffset,
      headOffset,
      ...this.#progress.at(this.#options.clock.monotonicMs(), headOffset, left),
      appliedOps: this.#operations.applied,
      ignoredOps: this.#operations.ignored,
      files: this.#fsm.links.size,
    };
  }

  /** What keeps the log from being read right now, if anything. */
  get problem(): Error | undefined {
    return this.#phase === 'restoring' ? this.#restorer.problem : this.#reader.problem;
  }

  /** A hint that the log has grown. */
  wake(): void {
    this.#reader.wake();
  }

  /**
   * Restores, then follows the log until handoff, finish or abort; resolves then.
   * @throws ReplayError, HistoryLostError, OtherLogNeededError, DataLossError, CorruptSlotError, StoreError that will not pass, errors of the local disk,
   *   the signal's reason.
   */
  run(signal?: AbortSignal): Promise<void> {
    assert(this.#running === undefined, 'a player runs once');
    this.#callers = signal;
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    this.#running = this.#play(stop);
    return this.#running;
  }

  async #play(signal: AbortSignal): Promise<void> {
    this.#progress.start(this.#options.clock.monotonicMs());
    try {
      await this.#restore(signal);
      for (;;) await this.#follow(await this.#reader.next(signal));
    } catch (error) {
      if (this.#stop.signal.aborted && isAbortOf(signal, error)) return;
      await this.#files.close();
      throw error;
    }
  }

  /** From nothing to the head of the log, all of it on the local disk. */
  async #restore(signal: AbortSignal): Promise<void> {
    const { journal, openLog } = this.#options;
    const journals = await openLogs(journal, [...this.#before, this.#own], openLog);
    await this.#plan(journals, signal);
    await this.#files.wipe(signal);
    try {
      for (const part of this.#before) await this.#restorer.readPart(part, journals.get(part.log)!, signal);
      const tail = await this.#restorer.readToHead(this.#reader, this.#feed, signal);
      this.#checkTail(tail);
      await this.#restorer.flush(signal);
    } finally {
      await this.#restorer.close();
    }
    this.#follows();
  }

  /** What is known before anything is read: for the progress that is shown, and to fail early where reading cannot succeed. */
  async #plan(journals: ReadonlyMap<string, Journal>, signal: AbortSignal): Promise<void> {
    try {
      const plan = await planWith(journals, [...this.#before, this.#own], signal);
      this.#headOffset = plan.parts.at(-1)!.head;
      this.#progress.plan(plan.bytes, this.#headOffset);
      this.#reader.expectHead(this.#headOffset);
      this.#reader.startFrom(plan.plans.get(this.#options.journal.name));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HistoryLostError && error.reason === 'pruned') throw error; // what is pruned stays so
      this.#log.debug('the restore could not be planned; reading will say what is wrong', { error });
    }
  }

  /** Plays to the end of the log, stops there, and makes the directory live and durable: a copy to look at, not to write to. @throws as run. */
  async finish(): Promise<Fsm> {
    assert(this.#running !== undefined, 'a player that is to finish runs');
    await Promise.race([this.tailing, this.#running]);
    await this.#pause();
    try {
      await this.#goLive(true, Promise.resolve(), this.#callers);
    } catch (error) {
      await this.#files.close();
      throw error;
    }
    return this.#fsm;
  }

  /**
   * Takes the log over (L3). Needs to be tailing. On any error the session, if there is one, is given up and the player is of no more use.
   * @throws StaleTermError, FencedError, AppendUnknownError, and what run() throws.
   */
  async handoff(options: HandoffOptions, signal?: AbortSignal): Promise<TakenOver> {
    assert(this.#phase === 'tailing', 'L3: only a player at the tail takes over', { phase: this.#phase });
    const { clock, dir, disk } = this.#options;
    const startMs = clock.monotonicMs();
    await this.#pause();
    let session: Session | undefined;
    try {
      session = await this.#openSession(options, signal);
      const fencedMs = clock.monotonicMs();
      await this.#replayTo(session, signal);
      await this.#goLive(false, this.#recordHandoff(session), signal);
      const recorder = new Recorder({ session, fsm: this.#fsm });
      const fs = new RecordedFs(dir, recorder, this.#live, clock, disk);
      return { session, recorder, fs, fenceMs: fencedMs - startMs, replayMs: clock.monotonicMs() - fencedMs };
    } catch (error) {
      session?.abandon('the takeover failed after the fence');
      await this.#files.close();
      throw error;
    }
  }

  async #openSession(options: HandoffOptions, signal: AbortSignal | undefined): Promise<Session> {
    const { journal, clock, random } = this.#options;
    return await openSession(journal, {
      cursor: this.#reader.cursor,
      author: options.author,
      term: options.term,
      ...(options.session ? { options: options.session } : {}),
      clock,
      random,
      log: this.#log,
      metrics: this.#metrics,
      signal,
    });
  }

  /** What came to the log since, up to the fence. */
  async #replayTo(session: Session, signal: AbortSignal | undefined): Promise<void> {
    this.#reader.believe(session.fenceSeq);
    while (this.#reader.cursor.nextSeq <= session.fenceSeq)
      await this.#follow(await this.#reader.next(signal));
    this.#reader.checkReached(session);
    cutOff(this.#feed, 'the fence', this.#log);
    this.#checkHints();
  }

  async #pause(): Promise<void> {
    this.#stop.abort(new Error('the player changes its work'));
    await this.#running;
  }

  async #recordHandoff(session: Session): Promise<void> {
    const op: RecordedOp = {
      seqNo: this.#fsm.nextSeqNo,
      checksum: this.#fsm.nextChecksum,
      author: session.author,
    };
    const { frame, payload } = encodeFrame(op);
    const { begin, end, committed } = session.append(frame, { barrier: true });
    const rejection = this.#fsm.apply(op, payload, {
      firstOffset: begin,
      lastOffset: end,
      log: session.journal.name,
    });
    assert(rejection === undefined, 'L3: the no-op of a handoff follows the log', { rejection });
    await committed;
  }

  /** The files get their names, when `confirmed` has resolved for good. @throws also what `confirmed` rejects with */
  async #goLive(sync: boolean, confirmed: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    confirmed.catch(() => undefined); // awaited below, unless giving names fails first
    this.#phase = 'finishing';
    const { dir, journal } = this.#options;
    for (const path of this.#fsm.properties.keys()) checkPlayable(path, journal.name, this.#feed.offset);
    const final = { files: this.#fsm.liveNodes(), properties: this.#fsm.properties };
    await this.#files.makeLive(final, { sync, confirmed, signal });
    this.#live.switchTo({
      resolve: (path) => (this.#fsm.links.has(path) ? localPath(dir, path) : undefined),
      paths: () => [...this.#fsm.links.keys()],
    });
    this.#phase = 'live';
  }

  /** L9: the files are there, and each operation from here on is done as it is read. */
  #follows(): void {
    const { dir } = this.#options;
    this.#live.switchTo({
      resolve: (path) => {
        const fnode = this.#fsm.links.get(path);
        return fnode === undefined ? undefined : stagedPath(dir, fnode);
      },
      paths: () => [...this.#fsm.links.keys()],
    });
    this.#phase = 'tailing';
    this.#live.notify('link', this.#fsm.links.keys());
    this.#reachedTail();
    this.#options.onProgress?.();
  }

  async #follow(event: JournalEvent): Promise<void> {
    switch (event.kind) {
      case 'data':
        this.#feed.push(event);
        for (let frame = this.#feed.next(); frame; frame = this.#feed.next()) {
          const change = this.#operations.apply(frame, this.#feed.log);
          if (change) await this.#do(change);
        }
        if (event.done) {
          this.#feed.letGo();
          event.done();
        }
        this.#read(event.end - event.begin);
        break;
      case 'fence':
        cutOff(this.#feed, 'a fence', this.#log);
        break;
      case 'hole':
        throw prunedError(this.#feed.log, event);
      case 'tail':
        this.#checkTail(event);
        break;
    }
  }

  async #do(change: FileChange): Promise<void> {
    if (change.kind !== 'write' && change.died !== undefined) await this.#files.remove(change.died);
    switch (change.kind) {
      case 'create':
        await this.#files.create(change.fnode);
        this.#live.notify('link', [change.path]);
        break;
      case 'link':
        this.#live.notify('link', [change.path]);
        break;
      case 'unlink':
        this.#live.notify('unlink', [change.path]);
        break;
      case 'write':
        await this.#files.write(change.fnode, change.data, change.offset);
        this.#live.notify('write', this.#fsm.linksOf(change.fnode));
    }
  }

  #read(bytes: number): void {
    this.#progress.add(bytes);
    this.#options.onProgress?.();
  }

  /** L2 at the first arrival at the end of the log, and at every later one. */
  #checkTail({ seq, offset }: TailEvent): void {
    this.#headOffset = offset;
    if (this.#options.expectHistory && seq === 0)
      throw new HistoryLostError(this.#options.journal.name, 'there is nothing in it', 'empty');
    if (this.#options.expectHistory && this.#fsm.nextSeqNo === 1 && this.#operations.ignored > 0)
      throw new HistoryLostError(
        this.#options.journal.name,
        'none of its operations is a first one: what they follow is not in it, and no hints say where',
        'operations-missing',
      );
    this.#checkHints();
  }

  #checkHints(): void {
    const end = this.#reader.cursor.offset;
    checkReaches(this.#own, end);
    if (this.#fsm.hintedSegments.length > 0)
      throw missingOperations(this.#fsm, this.#options.journal.name, end);
  }
}
