/**
 * What can go wrong with a journal. One class a cause; `outcome` says whether the bytes may be in the log.
 */
import { HoldfastError } from '../base/index.ts';

/** Whether an append that failed is in the log: for certain not, or nobody knows yet (the next fence decides). */
export type AppendOutcome = 'not-appended' | 'unknown';

export class JournalNameError extends HoldfastError {
  constructor(what: 'name' | 'generation', value: string) {
    super(
      'JOURNAL_NAME_INVALID',
      `"${value}" is no journal ${what}: use letters, digits and - _ + . in parts separated by / (4 to 512 characters).`,
      {
        fields: { what, value },
      },
    );
  }
}

/** A slot whose bytes are not what was written. */
export class CorruptSlotError extends HoldfastError {
  constructor(where: string, problem: string) {
    super(
      'CORRUPT_SLOT',
      `Slot ${where} is damaged: ${problem}. Restore the object from a copy, or the journal's owner must start from a snapshot.`,
      {
        fields: { where, problem },
      },
    );
  }
}

/** A CHECKPOINT whose index object does not exist: damage, unless the CHECKPOINT itself is about to be removed (reclaim.ts K3). */
export class IndexGoneError extends CorruptSlotError {}

/** A fragment whose bytes are not the content that its name promises. */
export class CorruptFragmentError extends HoldfastError {
  constructor(key: string, begin: number, end: number, problem: string) {
    super(
      'CORRUPT_FRAGMENT',
      `Fragment ${key} (content from byte ${begin} to ${end}) is damaged: ${problem}. Restore the object from a copy, or the journal's owner must start from a snapshot.`,
      { fields: { key, begin, end, problem } },
    );
  }
}

/** The journal was deleted on purpose. */
export class JournalDeletedError extends HoldfastError {
  /** The CHECKPOINT slot that says so. */
  readonly seq: number;

  constructor(journal: string, seq: number) {
    super(
      'JOURNAL_DELETED',
      `Journal ${journal} was deleted (slot ${seq} says so): nobody reads or writes it again. A new journal of the name needs a new generation.`,
      { fields: { journal, seq } },
    );
    this.seq = seq;
  }
}

/** A compaction that cannot go on; nothing has changed for readers or the writer, and the next one begins anew. */
export class CompactionError extends HoldfastError {
  constructor(journal: string, why: string, cause?: unknown) {
    super('COMPACTION_FAILED', `Journal ${journal} cannot be compacted now: ${why}.`, {
      fields: { journal, why },
      cause,
    });
  }
}

/** Bytes of the journal are gone although nothing announced it (I9). */
export class DataLossError extends HoldfastError {
  readonly begin: number;
  /** Undefined when nothing later is left to tell. */
  readonly end: number | undefined;

  constructor(journal: string, begin: number, end: number | undefined, evidence: string) {
    const range = `from byte ${begin}${end === undefined ? '' : ` to byte ${end}`}`;
    super(
      'DATA_LOSS',
      `Journal ${journal} has lost content ${range}: ${evidence}. Nothing was skipped; restore the missing objects or an older snapshot.`,
      {
        fields: { journal, begin, end, evidence },
      },
    );
    this.begin = begin;
    this.end = end;
  }
}

/** Another session has taken the journal over. */
export class FencedError extends HoldfastError {
  readonly outcome: AppendOutcome;

  constructor(journal: string, by: string, outcome: AppendOutcome, cause?: unknown) {
    super(
      'FENCED',
      `This session of journal ${journal} has been fenced by ${by}: it can never append again.`,
      { fields: { journal, by, outcome }, cause },
    );
    this.outcome = outcome;
  }
}

/** The log knows a term that forbids this one to open a session. */
export class StaleTermError extends HoldfastError {
  constructor(journal: string, term: number, logTerm: number, logAuthor: string) {
    super(
      'STALE_TERM',
      `Journal ${journal} already belongs to author ${logAuthor} of term ${logTerm}; term ${term} may not open a session. Wait for a new assignment.`,
      {
        fields: { journal, term, logTerm, logAuthor },
      },
    );
  }
}

/** Nobody knows whether the bytes are in the log; the next fence decides. The session is dead. */
export class AppendUnknownError extends HoldfastError {
  readonly outcome: AppendOutcome = 'unknown';

  constructor(journal: string, why: string, cause?: unknown) {
    super(
      'APPEND_UNKNOWN',
      `It is unknown whether the last append to journal ${journal} took effect: ${why}. The session is over; the next one decides.`,
      {
        fields: { journal, why },
        cause,
      },
    );
  }
}

/** The bytes are not in the log: they were never sent, or the store refused them. */
export class NotAppendedError extends HoldfastError {
  readonly outcome: AppendOutcome = 'not-appended';

  constructor(journal: string, why: string, cause?: unknown) {
    super('NOT_APPENDED', `Nothing was appended to journal ${journal}: ${why}.`, {
      fields: { journal, why },
      cause,
    });
  }
}

/** The session is over on purpose; it serves nothing any more. */
export class SessionEndedError extends HoldfastError {
  readonly outcome: AppendOutcome = 'not-appended';

  constructor(journal: string) {
    super('SESSION_ENDED', `The session of journal ${journal} was closed; open a new one.`, {
      fields: { journal },
    });
  }
}

/** The log holds something that this version of the program cannot read. It stops there; nothing is skipped. */
export class JournalVersionError extends HoldfastError {
  constructor(journal: string, seq: number, what: string) {
    super(
      'JOURNAL_TOO_NEW',
      `Journal ${journal} holds at slot ${seq} what this version cannot read (${what}); use a newer version.`,
      {
        fields: { journal, seq, what },
      },
    );
  }
}
