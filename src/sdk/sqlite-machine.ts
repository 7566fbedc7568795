/**
 * A state machine of one's own in SQL: a schema, and what a command does to it. The database is recorded, so a standby has its file, and a takeover applies
 * only the commands after the last commit.
 *
 * Q1  A command is JSON, and carries the time of whoever proposed it. SQL sees that time and randomness of its own, so replay gives the same content
 *     (statemachine/sqlite/command-time.ts).
 * Q2  A command that SQLite refuses (a constraint, a mistake in SQL), or that `update` refuses by CommandRefusedError, changes nothing and is answered so: that is its
 *     result, for all replicas and for ever. Whatever else is thrown stops the replica (types.ts Y1).
 *     So is one whose outcome is longer than a result may be, or has no JSON: with that in the log no replica could go on. What has no JSON itself is
 *     refused before it is in the log.
 * Q3  `update` gets nothing but its arguments to decide by: no clock, no files, no state outside of the database.
 */
import { assert, HoldfastError, type Clock } from '../base/index.ts';
import {
  SqliteError,
  SqliteRefusedError,
  type PinnedFile,
  type RecordedFs,
  type Sql,
  type SqlReader,
} from '../recoverylog/index.ts';
import type { ProposalIdentity, Service } from '../service/index.ts';
import {
  MAX_RESULT_BYTES,
  SqliteState,
  type AppliedEntry,
  type DiskMark,
  type Entry,
  type OnDiskStateMachine,
  type Result,
  type WriteChunk,
} from '../statemachine/index.ts';
import { decodeJson, encodeJson, JsonUnfitError } from './json.ts';

/** What is known of a command beside its content. */
export interface CommandContext {
  /** Number of the command in the history of the shard. */
  readonly index: number;
  /** When it was proposed, ms since 1970; never before an earlier one's. SQL's own 'now' says the same. */
  readonly nowMs: number;
}

export interface SqliteMachineOptions<Command, Outcome, Query, Answer> {
  /** Steps of the schema, oldest first: a later version adds steps and changes none. */
  readonly schema: string | readonly string[];
  /** Applies a command (Q3); what it returns is JSON and the command's outcome. @throws CommandRefusedError to refuse it (Q2) */
  readonly update: (sql: Sql, command: Command, context: CommandContext) => Outcome;
  readonly lookup: (sql: SqlReader, query: Query) => Answer;
  /** Name of the database's file. */
  readonly path?: string;
  readonly clock?: Clock;
}

/** A command that the machine does not take: its whole effect is this answer. */
export class CommandRefusedError extends HoldfastError {}

/** Failures of SQLite that are of this machine, not of the command: another replica would not have them. */
const NOT_THE_COMMANDS: ReadonlySet<string> = new Set([
  'SQLITE_NOMEM',
  'SQLITE_FULL',
  'SQLITE_CORRUPT',
  'SQLITE_NOTADB',
  'SQLITE_CANTOPEN',
  'SQLITE_INTERRUPT',
]);
const IO_FAILURE = 'SQLITE_IOERR';

const DEFAULT_PATH = 'service.db';
/** Characters of a refusal's message: SQLite repeats names and texts of a statement in it, however long they are. */
const MAX_MESSAGE_CHARS = 10_000;
/** Results' values: whether the command was taken. */
const TAKEN = 1;
const REFUSED = 0;

interface Stamped<Command> {
  readonly at: number;
  readonly command: Command;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

export class SqliteMachine<Command, Outcome, Query, Answer> implements OnDiskStateMachine<
  Query,
  Answer,
  PinnedFile
> {
  readonly kind = 'on-disk';
  readonly #options: SqliteMachineOptions<Command, Outcome, Query, Answer>;
  readonly #state: SqliteState;

  constructor(options: SqliteMachineOptions<Command, Outcome, Query, Answer>) {
    const { schema, path = DEFAULT_PATH, clock } = options;
    this.#options = options;
    this.#state = new SqliteState({
      path,
      schema: typeof schema === 'string' ? [schema] : schema,
      ...(clock ? { clock } : {}),
    });
  }

  /**
   * Has a command applied, once however often it is proposed with the same identity, and resolves with its outcome.
   * @throws CommandRefusedError with the reason (Q2), COMMAND_UNFIT when the command has no JSON; ServiceError as Service.propose
   */
  async propose(
    service: Service<Query, Answer>,
    command: Command,
    identity: ProposalIdentity,
    nowMs: number,
  ): Promise<Outcome> {
    const { value, data } = await service.propose(this.encode(command, nowMs), identity);
    if (value === TAKEN) return decodeJson(data) as Outcome;
    const { code, message } = decodeJson(data) as Refusal;
    throw new CommandRefusedError(code, message);
  }

  /** A command as it is in the log (Q1). @throws CommandRefusedError COMMAND_UNFIT when it could not be read there (Q2) */
  encode(command: Command, nowMs: number): Uint8Array {
    const stamped: Stamped<Command> = { at: nowMs, command };
    try {
      return encodeJson(stamped);
    } catch (error) {
      if (!(error instanceof JsonUnfitError)) throw error;
      throw new CommandRefusedError('COMMAND_UNFIT', `The command was not tried. ${error.message}`, {
        cause: error,
      });
    }
  }

  async open(fs: RecordedFs): Promise<DiskMark | undefined> {
    return await this.#state.open(fs);
  }

  async update(entries: readonly Entry[]): Promise<readonly AppliedEntry[]> {
    await this.#state.room();
    return entries.map((entry) => ({ ...entry, result: this.#apply(entry) }));
  }

  pendingBytes(): number {
    return this.#state.pendingBytes;
  }

  async commit(mark: DiskMark): Promise<void> {
    await this.#state.room();
    this.#state.commit(mark);
  }

  lookup(query: Query): Answer {
    return this.#state.read((sql) => this.#options.lookup(sql, query));
  }

  prepareSnapshot(): PinnedFile {
    return this.#state.pin();
  }

  async saveSnapshot(view: PinnedFile, write: WriteChunk, signal: AbortSignal): Promise<void> {
    await this.#state.save(view, write, signal);
  }

  async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    mark: DiskMark,
  ): Promise<void> {
    await this.#state.recover(chunks, signal, mark);
  }

  async compact(signal: AbortSignal): Promise<void> {
    await this.#state.compact(signal);
  }

  stateHash(): string {
    return this.#state.hash();
  }

  async close(): Promise<void> {
    await this.#state.close();
  }

  /** Q1, Q2 */
  #apply({ index, cmd }: Entry): Result {
    const { at, command } = decodeJson(cmd) as Stamped<Command>;
    let data: Uint8Array | undefined;
    try {
      this.#state.update(index, at, (sql, nowMs) => {
        const outcome = this.#options.update(sql, command, { index, nowMs });
        data = encodeOutcome(outcome); // inside: what cannot be answered is undone
        return outcome;
      });
      assert(data !== undefined, 'an update that returned has an outcome');
      return { value: TAKEN, data };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { code, message } = error;
      const refusal: Refusal = { code, message: message.slice(0, MAX_MESSAGE_CHARS) };
      return { value: REFUSED, data: encodeJson(refusal) };
    }
  }
}

/** @throws CommandRefusedError (Q2) */
function encodeOutcome(outcome: unknown): Uint8Array {
  try {
    return encodeJson(outcome, MAX_RESULT_BYTES);
  } catch (error) {
    if (!(error instanceof JsonUnfitError)) throw error;
    const code = error.code === 'JSON_TOO_LARGE' ? 'OUTCOME_TOO_LARGE' : 'OUTCOME_UNFIT';
    throw new CommandRefusedError(code, `The command was undone, because of its outcome. ${error.message}`, {
      cause: error,
    });
  }
}

function isRefusal(error: unknown): error is HoldfastError {
  if (error instanceof CommandRefusedError || error instanceof SqliteRefusedError) return true;
  if (!(error instanceof SqliteError)) return false;
  return !NOT_THE_COMMANDS.has(error.code) && !error.code.startsWith(IO_FAILURE);
}
