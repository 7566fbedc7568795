/**
 * errors: what the state machine room throws.
 *
 * X1  A failed proposal says what became of it: 'rejected' = certainly not in the log, retry at will; 'unknown' = it may be in the log, retry
 *     only with the same request id.
 */
import { HoldfastError } from '../base/index.ts';

/** What is known of a proposal that failed (X1). */
export type ProposalOutcome = 'rejected' | 'unknown';

/** The shard's runtime stopped for good: the log refused (fenced, failed), the machine threw, or it was closed. */
export class ShardHaltedError extends HoldfastError {
  constructor(cause: unknown) {
    super(
      'SHARD_HALTED',
      'This replica has stopped for good and takes nothing more. Find the current primary, or open the shard again from its log.',
      { cause },
    );
  }
}

/** The replica was closed on purpose. */
export class ReplicaStoppedError extends HoldfastError {
  constructor() {
    super('REPLICA_STOPPED', 'This replica is closing and takes nothing more. Ask the current primary.');
  }
}

/** A proposal did not get an answer; `outcome` says whether it may have happened (X1). */
export class ProposalFailedError extends HoldfastError {
  readonly outcome: ProposalOutcome;

  constructor(outcome: ProposalOutcome, cause: unknown) {
    super(
      outcome === 'unknown' ? 'PROPOSAL_UNKNOWN' : 'PROPOSAL_REJECTED',
      outcome === 'unknown'
        ? 'The command may or may not be in the log. Ask again with the same request id: it is applied at most once.'
        : 'The command was not written to the log. It can be sent again, here or to the current primary.',
      { fields: { outcome }, cause },
    );
    this.outcome = outcome;
  }
}

/** Too much waits for the log already; nothing was written. */
export class ProposalQueueFullError extends HoldfastError {
  readonly outcome: ProposalOutcome = 'rejected';

  constructor(commands: number, bytes: number) {
    super(
      'PROPOSAL_QUEUE_FULL',
      `${commands} commands (${bytes} bytes) wait for the log. Try again in a moment.`,
      {
        fields: { commands, bytes },
      },
    );
  }
}

/** A command or request id outside its limits; nothing was written. */
export class ProposalInvalidError extends HoldfastError {
  readonly outcome: ProposalOutcome = 'rejected';

  constructor(what: string) {
    super('PROPOSAL_INVALID', `The command is not acceptable: ${what}.`, { fields: { what } });
  }
}

/** A state file is damaged where acknowledged entries stand. Nothing is skipped and nothing rolled back in silence (DESIGN promise 7). */
export class StateDamagedError extends HoldfastError {
  constructor(path: string, offset: number, bytes: number, reason: string) {
    super(
      'STATE_DAMAGED',
      `The state file ${path} is damaged (${reason}) in ${bytes} bytes from byte ${offset} on. Restore this replica from the log again; if that gives the same, restore the shard from a snapshot.`,
      { fields: { path, offset, bytes, reason } },
    );
  }
}

/** The history does not continue what was applied: an index left out or repeated, or a term that went back (C5.2). */
export class HistoryBrokenError extends HoldfastError {
  constructor(what: string, fields: Readonly<Record<string, number>>) {
    super(
      'STATE_HISTORY_BROKEN',
      `The recovered history is broken: ${what}. Do not serve from it; restore the shard from its log again.`,
      { fields: { what, ...fields } },
    );
  }
}

/** The bytes of an entry or a snapshot are not in the form this version writes. */
export class EnvelopeError extends HoldfastError {
  constructor(what: string) {
    super(
      'STATE_ENVELOPE',
      `A state entry cannot be read: ${what}. It was written by a newer version, or is not a state file of this service.`,
      { fields: { what } },
    );
  }
}

/** The state machine threw or broke its contract. The replica halts; another one that replays the same entry will halt as well. */
export class MachineFailedError extends HoldfastError {
  constructor(during: string, index: number, cause: unknown) {
    super('STATE_MACHINE_FAILED', `The state machine failed during ${during} at index ${index}.`, {
      fields: { during, index },
      cause,
    });
  }
}

/** What is asked needs a machine that is open, and here it is not: a standby does not open an on-disk machine, and no state is read while it is replaced. */
export class MachineNotOpenError extends HoldfastError {
  constructor(why: string) {
    super('STATE_MACHINE_NOT_OPEN', `The state machine is not open here: ${why}. Ask the primary.`, {
      fields: { why },
    });
  }
}

/** The machine, or this runtime, does not offer what was asked (F4.17). */
export class NotOfferedError extends HoldfastError {
  constructor(what: string) {
    super('NOT_IMPLEMENTED', `This state machine does not offer ${what}.`, { fields: { what } });
  }
}

/** The files of an on-disk machine are older than the log says that they were committed: the disk has lost what was acknowledged (F4.15). */
export class StateBehindError extends HoldfastError {
  constructor(committed: number, found: number) {
    super(
      'STATE_BEHIND',
      `The files of the state machine are of index ${found}, and ${committed} was committed. Acknowledged data is missing here: do not serve from it; restore this replica from the log again, and if that gives the same, restore the shard from a snapshot.`,
      { fields: { committed, found } },
    );
  }
}

/** A log without a state file: no primary of a state machine has ever written to it. */
export class StateMissingError extends HoldfastError {
  constructor() {
    super(
      'STATE_MISSING',
      'The log holds no state of a state machine: no primary of one has written to it. Name the log of the shard, and the right generation of it.',
    );
  }
}

/** The state file is one of an on-disk machine, and the machine keeps its state in memory. */
export class SnapshotKindError extends HoldfastError {
  constructor(kind: string, index: number) {
    super(
      'STATE_KIND',
      `The state of this shard is in the files of an on-disk machine (as of index ${index}), which a ${kind} one cannot read. Start the service with the machine that wrote it, or import an exported snapshot.`,
      { fields: { kind, index } },
    );
  }
}

/** Why a step of a session had no effect (F4.20). */
export type Refusal = 'session-unknown' | 'session-exists' | 'series-answered';

const REFUSALS: Readonly<Record<Refusal, readonly [code: string, message: string]>> = {
  'session-unknown': [
    'SESSION_UNKNOWN',
    'There is no such session: it was never registered, was ended, or was forgotten in favour of others. What became of commands without an answer cannot be told any more; register a new session.',
  ],
  'session-exists': ['SESSION_EXISTS', 'There is such a session already. Register another one.'],
  'series-answered': [
    'SERIES_ANSWERED',
    'The client has said that it has the answer of this command, so it is not applied again. Use a new number for a new command.',
  ],
};

/** A step of a session had no effect (F4.20); it is in the log, and the session is as before. */
export class SessionRefusedError extends HoldfastError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, clientId: bigint) {
    const [code, message] = REFUSALS[refusal];
    super(code, message, { fields: { clientId: clientId.toString() } });
    this.refusal = refusal;
  }
}
