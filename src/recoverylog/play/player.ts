/**
 * The player: brings a directory to what the log says, follows the log, and takes it over (gazette.md §5, DESIGN §4.2).
 *
 * L1  Operations are applied strictly in the order of the log; the state machine says which belong.
 * L2  Nothing is silently empty: hints that the log does not bear out, and a log that has lost the history it is known to have, are errors.
 * L3  A handoff is fence, replay to the fence, an authored no-op, then the directory goes live. The fence stops the old writer; the no-op keeps
 *     Gazette's discipline of sequence and checksum on top of it.
 * L4  Bytes of an operation that a fence or the head has cut off are given up, with their range in the log line.
 * L5  Paths that lead out of the directory are never played.
 * L6  A hole is passed only between operations that hints name. Behind the last one that they name everything is needed: a hole there would leave an
 *     older state, which must not be served.
 * L7  The memory of what was read goes back as soon as its operations are applied: what a restore holds does not grow with the log.
 * A handoff does not wait for the local disk: what makes the data durable is the log, and the directory ends with its pod. finish() does wait.
 */
import { writeFile } from 'node:fs/promises';
import { assert, isAbortOf, silentLogger, type Clock, type Logger, type Random } from '../../base/index.ts';
import {
  estimateHead,
  JournalReader,
  journalMetrics,
  openSession,
  type Journal,
  type JournalEvent,
  type JournalMetrics,
  type Session,
  type SessionOptions,
} from '../../journal/index.ts';
import { HistoryLostError, ReplayError } from '../errors.ts';
import { encodeFrame, FrameReader, type Frame } from '../format/frame.ts';
import { Fsm } from '../fsm.ts';
import type { FsmHints } from '../format/hints.ts';
import { TrackedDirectory, type LiveDirectory } from './live-directory.ts';
import type { RecordedOp } from '../format/op.ts';
import { isPlayable, localPath, stagedPath } from '../paths.ts';
import type { Disk } from '../record/disk.ts';
import { RecordedFs } from '../record/recorded-fs.ts';
import { Recorder } from '../record/recorder.ts';
import { StagedFiles } from './staged-files.ts';

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
  readonly log?: Logger;
  readonly metrics?: JournalMetrics;
  readonly onProgress?: () => void;
  /** Under the recorded files of a primary; the file system of this machine by default. */
  readonly disk?: Disk | undefined;
}

export interface PlayerProgress {
  readonly phase: 'restoring' | 'tailing' | 'live';
  /** Offset up to which the log has been applied. */
  readonly appliedOffset: number;
  /** End of the log as last known. */
  readonly headOffset: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | undefined;
  readonly appliedOps: number;
  readonly ignoredOps: number;
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

type Phase = PlayerProgress['phase'];

export class Player {
  /** Resolves when the log has been played to its end for the first time. Never rejects; run() does. */
  readonly tailing: Promise<void>;
  readonly #options: PlayerOptions;
  readonly #log: Logger;
  readonly #metrics: JournalMetrics;
  readonly #fsm: Fsm;
  readonly #files: StagedFiles;
  readonly #reader: JournalReader;
  readonly #startOffset: number;
  /** Where the history that the hints name ends, as far as they say. */
  readonly #hintedEnd: number;
  readonly #live: TrackedDirectory;
  readonly #reachedTail: () => void;
  readonly #stop = new AbortController();
  #frames: FrameReader;
  /** Bytes before it are no frame's beginning, and nobody needs them. */
  #framesFrom: number;
  #running: Promise<void> | undefined;
  #phase: Phase = 'restoring';
  #headOffset = 0;
  #startedMs = 0;
  #appliedOps = 0;
  #ignoredOps = 0;

  /** @throws HintsError */
  constructor(options: PlayerOptions) {
    const { journal, hints, dir, clock, random } = options;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#metrics = options.metrics ?? journalMetrics();
    this.#fsm = new Fsm(hints ?? { log: journal.name, liveNodes: [], properties: [] });
    const foreign = this.#fsm.hintedSegments.find((segment) => segment.log !== journal.name);
    if (foreign)
      throw new ReplayError(
        journal.name,
        0,
        `its hints begin in another log, ${foreign.log}, which this version cannot follow`,
      );
    this.#startOffset = this.#fsm.hintedSegments[0]?.firstOffset ?? 0;
    this.#hintedEnd = Math.max(0, ...this.#fsm.hintedSegments.map((segment) => segment.lastOffset));
    this.#frames = new FrameReader(journal.name, this.#startOffset);
    this.#framesFrom = this.#startOffset;
    this.#files = new StagedFiles(dir);
    this.#reader = new JournalReader(journal, {
      clock,
      random,
      from: this.#startOffset,
      pace: 'hot',
      log: this.#log,
      metrics: this.#metrics,
    });
    this.#live = new TrackedDirectory({
      resolve: (path) => {
        const fnode = this.#fsm.links.get(path);
        return fnode === undefined ? undefined : stagedPath(dir, fnode);
      },
      paths: () => [...this.#fsm.links.keys()],
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.tailing = promise;
    this.#reachedTail = resolve;
  }

  get live(): LiveDirectory {
    return this.#live;
  }

  get progress(): PlayerProgress {
    const appliedOffset = this.#frames.offset;
    const headOffset = Math.max(this.#headOffset, this.#reader.cursor.offset);
    const seconds = (this.#options.clock.monotonicMs() - this.#startedMs) / 1000;
    const bytesDone = Math.max(0, appliedOffset - this.#startOffset);
    const bytesTotal = Math.max(bytesDone, headOffset - this.#startOffset);
    const bytesPerSecond = seconds > 0 ? bytesDone / seconds : 0;
    const left = bytesTotal - bytesDone;
    return {
      phase: this.#phase,
      appliedOffset,
      headOffset,
      bytesDone,
      bytesTotal,
      bytesPerSecond,
      etaSeconds: left === 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : undefined,
      appliedOps: this.#appliedOps,
      ignoredOps: this.#ignoredOps,
    };
  }

  /** What keeps the log from being read right now, if anything. */
  get problem(): Error | undefined {
    return this.#reader.problem;
  }

  /** A hint that the log has grown. */
  wake(): void {
    this.#reader.wake();
  }

  /**
   * Restores, then follows the log until handoff, finish or abort; resolves then.
   * @throws ReplayError, HistoryLostError, DataLossError, CorruptSlotError, StoreError that will not pass, errors of the local disk, the signal's reason.
   */
  run(signal?: AbortSignal): Promise<void> {
    assert(this.#running === undefined, 'a player runs once');
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    this.#running = this.#play(stop);
    return this.#running;
  }

  async #play(signal: AbortSignal): Promise<void> {
    this.#startedMs = this.#options.clock.monotonicMs();
    try {
      await this.#files.wipe();
      this.#headOffset = await estimateHead(this.#options.journal, signal).catch(() => 0); // only for the estimate; reading itself reports what is wrong
      this.#reader.expectHead(this.#headOffset);
      for (;;) await this.#handle(await this.#reader.next(signal));
    } catch (error) {
      if (this.#stop.signal.aborted && isAbortOf(signal, error)) return;
      await this.#files.close();
      throw error;
    }
  }

  /** Plays to the end of the log, stops there, and makes the directory live and durable: a copy to look at, not to write to. @throws as run. */
  async finish(): Promise<Fsm> {
    assert(this.#running !== undefined, 'a player that is to finish runs');
    await Promise.race([this.tailing, this.#running]);
    await this.#pause();
    await this.#goLive(true);
    return this.#fsm;
  }

  /**
   * Takes the log over (L3). Needs to be tailing. On any error the session, if there is one, is given up and the player is of no more use.
   * @throws StaleTermError, FencedError, AppendUnknownError, and what run() throws.
   */
  async handoff(options: HandoffOptions, signal?: AbortSignal): Promise<TakenOver> {
    assert(this.#phase === 'tailing', 'L3: only a player at the tail takes over', { phase: this.#phase });
    const { journal, clock, random } = this.#options;
    const startMs = clock.monotonicMs();
    await this.#pause();
    const session = await this.#orClose(
      openSession(journal, {
        cursor: this.#reader.cursor,
        author: options.author,
        term: options.term,
        ...(options.session ? { options: options.session } : {}),
        clock,
        random,
        log: this.#log,
        metrics: this.#metrics,
        signal,
      }),
    );
    const fencedMs = clock.monotonicMs();
    this.#reader.believe(session.fenceSeq);
    try {
      while (this.#reader.cursor.nextSeq <= session.fenceSeq)
        await this.#handle(await this.#reader.next(signal));
      this.#reader.checkReached(session);
      this.#cutOff('the fence');
      this.#checkHints();
      await Promise.all([this.#recordHandoff(session), this.#goLive(false)]);
    } catch (error) {
      session.abandon('the takeover failed after the fence');
      await this.#files.close();
      throw error;
    }
    const recorder = new Recorder({ session, fsm: this.#fsm });
    const fs = new RecordedFs(this.#options.dir, recorder, this.#live, this.#options.disk);
    return { session, recorder, fs, fenceMs: fencedMs - startMs, replayMs: clock.monotonicMs() - fencedMs };
  }

  /** A takeover that fails leaves nothing open. */
  async #orClose<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      await this.#files.close();
      throw error;
    }
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

  async #goLive(sync: boolean): Promise<void> {
    await this.#files.makeLive(this.#fsm.liveNodes(), sync);
    for (const [path, content] of this.#fsm.properties) {
      this.#checkPath(path);
      await writeFile(localPath(this.#options.dir, path), content, { flag: 'wx', flush: sync });
    }
    const { dir } = this.#options;
    this.#live.switchTo({
      resolve: (path) => (this.#fsm.links.has(path) ? localPath(dir, path) : undefined),
      paths: () => [...this.#fsm.links.keys()],
    });
    this.#phase = 'live';
  }

  async #handle(event: JournalEvent): Promise<void> {
    switch (event.kind) {
      case 'data':
        this.#frames.push(event.bytes.subarray(Math.max(0, this.#framesFrom - event.begin)));
        for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) await this.#apply(frame);
        if (event.done) {
          this.#frames.copyRest(); // L7
          event.done();
        }
        break;
      case 'fence':
        this.#cutOff('a fence');
        break;
      case 'hole':
        this.#passHole(event.begin, event.end);
        break;
      case 'tail':
        this.#atTail(event.seq, event.offset);
        break;
    }
    this.#options.onProgress?.();
  }

  /** L2 at the first arrival at the end of the log, and at every later one. */
  #atTail(seq: number, offset: number): void {
    this.#headOffset = offset;
    if (this.#options.expectHistory && seq === 0)
      throw new HistoryLostError(this.#options.journal.name, 'there is nothing in it');
    this.#checkHints();
    if (this.#phase === 'restoring') this.#phase = 'tailing';
    this.#reachedTail();
  }

  #checkHints(): void {
    const end = this.#reader.cursor.offset;
    if (this.#hintedEnd > end) {
      throw new HistoryLostError(
        this.#options.journal.name,
        `it ends at byte ${end}, and the hints name bytes up to ${this.#hintedEnd}`,
      );
    }
    const unused = this.#fsm.hintedSegments[0];
    if (unused === undefined) return;
    throw new HistoryLostError(
      this.#options.journal.name,
      `it ends at byte ${this.#reader.cursor.offset}, and the hints name operations ${unused.firstSeqNo} to ${unused.lastSeqNo} that are not in it`,
    );
  }

  /**
   * L6. A hole ends anywhere, in the middle of an operation too, whose rest may look like the beginning of one: playing goes on where the hints say that
   * the next needed operation begins.
   */
  #passHole(begin: number, end: number): void {
    const next = this.#fsm.hintedSegments.find(({ lastOffset }) => lastOffset === 0 || lastOffset > begin);
    if (!next || next.firstOffset < end)
      throw new HistoryLostError(
        this.#options.journal.name,
        next
          ? `bytes ${begin} to ${end} were pruned, and the hints name some of them; newer hints do not need them`
          : `bytes ${begin} to ${end} were pruned, and lie behind everything that the hints name: they are older than the pruning, newer ones exist or existed`,
      );
    this.#framesFrom = next.firstOffset;
    this.#frames = new FrameReader(this.#options.journal.name, this.#framesFrom);
  }

  /** L4 */
  #cutOff(by: string): void {
    const cut = this.#frames.cutOff();
    if (cut)
      this.#log.warn('an unfinished operation was cut off', { log: this.#options.journal.name, by, ...cut });
  }

  async #apply(frame: Frame): Promise<void> {
    const { name } = this.#options.journal;
    if (frame.kind === 'desync') {
      this.#log.warn('bytes of the log that are no operation were passed over', {
        log: name,
        firstOffset: frame.firstOffset,
        lastOffset: frame.lastOffset,
      });
      return;
    }
    const { op, payload, data, firstOffset, lastOffset } = frame;
    const linksBefore = op.unlink && this.#fsm.links.get(op.unlink.path);
    const rejection = this.#fsm.apply(op, payload, { firstOffset, lastOffset, log: name });
    if (rejection !== undefined) {
      this.#ignoredOps++;
      if (rejection !== 'not-tracked' && rejection !== 'wrong-seq-no' && this.#log.isDebugEnabled())
        this.#log.debug('operation does not belong to the log', {
          rejection,
          seqNo: op.seqNo,
          author: op.author,
        });
      return;
    }
    this.#appliedOps++;
    if (op.create) {
      this.#checkPath(op.create.path);
      await this.#files.create(op.seqNo);
      this.#live.notify('link', [op.create.path]);
    } else if (op.link) {
      this.#checkPath(op.link.path);
      this.#live.notify('link', [op.link.path]);
    } else if (op.unlink) {
      if (linksBefore !== undefined && !this.#fsm.isLive(linksBefore)) await this.#files.remove(linksBefore);
      this.#live.notify('unlink', [op.unlink.path]);
    } else if (op.write) {
      await this.#files.write(op.write.fnode, data, op.write.offset);
      this.#live.notify('write', this.#fsm.linksOf(op.write.fnode));
    }
  }

  /** L5 */
  #checkPath(path: string): void {
    if (!isPlayable(path))
      throw new ReplayError(
        this.#options.journal.name,
        this.#frames.offset,
        `the path ${JSON.stringify(path)} leads out of the directory`,
      );
  }
}
