/**
 * What can go wrong with a recovery log.
 */
import { HoldfastError } from '../base/index.ts';

/** Bytes that are no RecordedOp or no hints. */
export class WireError extends HoldfastError {
  constructor(what: string, problem: string) {
    super('WIRE_INVALID', `These bytes are no ${what}: ${problem}.`, { fields: { what, problem } });
  }
}

/** Hints that cannot be used. Never the same as having no hints (I12). */
export class HintsError extends HoldfastError {
  constructor(problem: string, cause?: unknown) {
    super(
      'HINTS_INVALID',
      `The hints cannot be used: ${problem}. Remove the annotation to fall back on backups or on a full replay.`,
      {
        fields: { problem },
        cause,
      },
    );
  }
}

/** A segment that contradicts the others. */
export class SegmentError extends HoldfastError {
  constructor(problem: string) {
    super('SEGMENT_INVALID', `The segments contradict each other: ${problem}.`, { fields: { problem } });
  }
}

/** The log cannot be played: what it says is damaged or makes no sense. */
export class ReplayError extends HoldfastError {
  constructor(log: string, offset: number, problem: string, cause?: unknown) {
    super(
      'REPLAY_FAILED',
      `Recovery log ${log} cannot be played at byte ${offset}: ${problem}. Use older hints or a snapshot.`,
      {
        fields: { log, offset, problem },
        cause,
      },
    );
  }
}

/** Hints that begin in another log (a clone's), where nobody has said how that log is found. */
export class OtherLogNeededError extends ReplayError {
  /** The log that is needed. */
  readonly needed: string;

  constructor(log: string, needed: string, cause?: unknown) {
    const problem = cause === undefined ? 'and no way to open that log was given' : 'which cannot be opened';
    super(log, 0, `its hints begin in another log, ${needed}, ${problem}`, cause);
    this.needed = needed;
  }
}

/**
 * How a log falls short of what is known of it: there is nothing in it; it ends before what its hints name; the operations that its hints name are not
 * where they say; bytes that are needed were pruned.
 */
export type HistoryLoss = 'empty' | 'ends-early' | 'operations-missing' | 'pruned';

/** A log that is known to have history would play to something without it (DESIGN §4.2): never done silently. */
export class HistoryLostError extends HoldfastError {
  readonly reason: HistoryLoss;

  constructor(log: string, problem: string, reason: HistoryLoss) {
    super(
      'HISTORY_LOST',
      `Recovery log ${log} is known to have history, but ${problem}. Nothing was served; check store, prefix and generation, or restore a snapshot.`,
      {
        fields: { log, problem, reason },
      },
    );
    this.reason = reason;
  }
}

/** The recorder has failed once and stays failed: disk and log may differ from here on. */
export class RecorderBrokenError extends HoldfastError {
  constructor(what: string, cause: unknown) {
    super(
      'RECORDER_BROKEN',
      `Recording has stopped for good after a failure (${what}); this process must end and another take over.`,
      {
        fields: { what },
        cause,
      },
    );
  }
}

/** What a request to the recorded file system can be refused for, and what that means. */
const REFUSALS = {
  ENOENT: 'there is no such file in the log',
  EEXIST: 'it exists already',
  EINVAL: 'this cannot be asked for',
  EISDIR: 'it is a directory, which has no record of its own; rename or remove the files in it',
  ENOTDIR: 'a part of the path is a file',
  ENAMETOOLONG: 'a name has at most 255 bytes and a path at most 3,072',
  EPERM: 'it is a property of the log; a file that is renamed to it replaces its content',
  EBADF: 'the file is closed, or open for reading only',
  ELOOP: 'a symbolic link leads out of the directory',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** A request that the recorded file system does not offer or that names nothing; nothing was changed. */
export class RecordedFsError extends HoldfastError {
  constructor(code: RefusalCode, operation: string, path: string, why?: string) {
    const shown = path.length > SHOWN_PATH ? `${path.slice(0, SHOWN_PATH)}…` : path;
    super(code, `${operation} of ${JSON.stringify(shown)}: ${why ?? REFUSALS[code]}.`, {
      fields: { operation, path: shown },
    });
  }
}

/** UTF-16 units of a path that a message shows: enough to find it. */
const SHOWN_PATH = 300;
