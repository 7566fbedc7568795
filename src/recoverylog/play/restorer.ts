/**
 * Restoring: the parts of a plan from their logs, one after another, decided op by op and written when it must be (write-window.ts).
 *
 * L1  Operations are applied strictly in the order of the log; the state machine says which belong.
 * L6  A hole in what is wanted is lost history: hints name it, or it lies behind them and what is newer than it must not be left out.
 * L7  The memory of what was read goes back as soon as nothing of it is to be written any more: what a restore holds does not grow with the log.
 * L8  Of another log exactly what the hints name is read. It ends where they say; nobody waits for more of it.
 */
import type { Logger } from '../../base/index.ts';
import { JournalReader, type Journal, type JournalEvent, type ReaderOptions } from '../../journal/index.ts';
import { HistoryLostError } from '../errors.ts';
import type { Fsm } from '../fsm.ts';
import { LogFeed } from './log-feed.ts';
import type { FileChange, Operations } from './operations.ts';
import { checkReaches, prunedError, type WantedPart } from './restore-plan.ts';
import type { StagedFiles } from './staged-files.ts';
import { WriteWindow, type WindowLimits } from './write-window.ts';

export interface RestorerParts {
  readonly fsm: Fsm;
  readonly operations: Operations;
  readonly files: StagedFiles;
  readonly window: WindowLimits | undefined;
  readonly reader: Omit<ReaderOptions, 'from' | 'wanted'>;
  readonly log: Logger;
  /** Told after each event, with the bytes of content that it brought. */
  readonly onRead: (bytes: number) => void;
}

export type TailEvent = Extract<JournalEvent, { kind: 'tail' }>;

export class Restorer {
  readonly #parts: RestorerParts;
  readonly #window: WriteWindow;
  #reader: JournalReader | undefined;

  constructor(parts: RestorerParts) {
    this.#parts = parts;
    this.#window = new WriteWindow(parts.files, parts.window);
  }

  /** What keeps the log that is being read from being read, if anything. */
  get problem(): Error | undefined {
    return this.#reader?.problem;
  }

  /** A part of another log (L8). @throws HistoryLostError, and what reading throws */
  async readPart(part: WantedPart, journal: Journal, signal: AbortSignal): Promise<void> {
    const { fsm, reader: options } = this.#parts;
    const enough = new AbortController();
    const stop = AbortSignal.any([signal, enough.signal]);
    const end = part.ranges.at(-1)!.end;
    const feed = new LogFeed(part.log, part.ranges[0]!.begin);
    const reader = new JournalReader(journal, { ...options, wanted: part.ranges });
    try {
      while (feed.readTo < end) {
        const event = await this.#next(reader, stop);
        if (event.kind === 'tail') checkReaches(part, event.offset); // it does not, or `end` would have been read
        else await this.#take(event, feed, signal);
      }
    } finally {
      enough.abort(new Error('all that is wanted of this log was read'));
    }
    const unused = fsm.hintedSegments.length - part.segmentsAfter;
    if (unused > 0) throw missingOperations(fsm, part.log);
  }

  /** The rest, up to the proven head of the log. @throws as readPart */
  async readToHead(reader: JournalReader, feed: LogFeed, signal: AbortSignal): Promise<TailEvent> {
    for (;;) {
      const event = await this.#next(reader, signal);
      if (event.kind === 'tail') return event;
      await this.#take(event, feed, signal);
    }
  }

  /** Everything that was decided to the disk. @throws errors of the local disk, the signal's reason */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#window.flush(signal);
  }

  /** Nothing is under way any more, and all memory went back. */
  async close(): Promise<void> {
    await this.#window.close();
  }

  async #next(reader: JournalReader, signal: AbortSignal): Promise<JournalEvent> {
    this.#reader = reader;
    return await reader.next(signal);
  }

  async #take(event: Exclude<JournalEvent, TailEvent>, feed: LogFeed, signal: AbortSignal): Promise<void> {
    const { log, onRead } = this.#parts;
    switch (event.kind) {
      case 'data':
        this.#decide(event, feed);
        await this.#window.room(signal);
        onRead(event.end - event.begin);
        return;
      case 'fence':
        cutOff(feed, 'a fence', log);
        return;
      case 'hole':
        throw prunedError(feed.log, event); // L6
    }
  }

  /** L7 */
  #decide(event: Extract<JournalEvent, { kind: 'data' }>, feed: LogFeed): void {
    const { operations } = this.#parts;
    this.#window.begin(event.bytes, event.done);
    try {
      feed.push(event);
      for (let frame = feed.next(); frame; frame = feed.next()) {
        const change = operations.apply(frame, feed.log);
        if (change) this.#change(change);
      }
      if (event.done) feed.letGo();
    } finally {
      this.#window.end();
    }
  }

  #change(change: FileChange): void {
    if (change.kind === 'write') this.#window.write(change.fnode, change.data, change.offset);
    else if (change.died !== undefined) this.#window.remove(change.died);
    if (change.kind === 'create') this.#window.create(change.fnode);
  }
}

/** Hinted operations are not where the hints say. */
export function missingOperations(fsm: Fsm, log: string, end?: number): HistoryLostError {
  const { firstSeqNo, lastSeqNo } = fsm.hintedSegments[0]!;
  const where = end === undefined ? '' : `it ends at byte ${end}, and `;
  return new HistoryLostError(
    log,
    `${where}the hints name operations ${firstSeqNo} to ${lastSeqNo} that are not in it`,
    'operations-missing',
  );
}

/** Bytes of an operation that is not finished and never will be are given up (log-feed.ts K2). */
export function cutOff(feed: LogFeed, by: string, log: Logger): void {
  const cut = feed.cutOff();
  if (cut) log.warn('an unfinished operation was cut off', { log: feed.log, by, ...cut });
}
