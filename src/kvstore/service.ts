/**
 * What the HTTP side asks of the store, whatever role this replica has at the moment. application.ts has it from the replica, follow/service.ts from a read replica.
 */
import { type Consistency, type ReadResult } from '../service/index.ts';
import { type Command } from './command.ts';
import { type BackupReport, type Query, type QueryAnswer } from './engine/types.ts';
import { type IdempotencyKey } from './http/identity.ts';
import { type JsonObject } from './http/json-bytes.ts';

export type { Consistency, Query, ReadResult };

/** What a replica is to those who follow changes or look at figures. */
export type ReplicaRole = 'primary' | 'standby' | 'replica';

/** One of several writes. */
export interface Write {
  readonly command: Command;
  readonly identity: IdempotencyKey;
}

/** Told of the `n`th of several writes what came of it. */
export type WriteTold = (n: number, outcome: number | Error) => void;

export interface KvService {
  role(): ReplicaRole;
  /**
   * Makes a command durable, applies it and answers its result (engine/state.ts). The same identity with the same command is applied once however often it is sent.
   * @throws KvError NOT_PRIMARY, NOT_APPENDED, OUTCOME_UNKNOWN, REQUEST_ID_REUSED (K1), SESSION_UNKNOWN, SERIES_ANSWERED, BUSY
   */
  write(command: Command, identity: IdempotencyKey): Promise<number>;
  /**
   * The same of several commands: `told` is called once for each, with its result or the error that write would throw. Resolves when all are told.
   * @throws as write, for a reason that is everybody's; those who were not told do not know then
   */
  writeAll(writes: readonly Write[], told: WriteTold): Promise<void>;
  /** @throws KvError NOT_PRIMARY, READ_NOT_CONFIRMED; what the engine's lookup throws */
  read<Q extends Query>(query: Q, consistency: Consistency): Promise<ReadResult<QueryAnswer<Q>>>;
  /** The number of a new client session. @throws as write */
  beginSession(): Promise<bigint>;
  /** Whether there was such a session. @throws as write */
  endSession(session: bigint): Promise<boolean>;
  /** @throws BusyError, BackupError, what the store throws, KvError NOT_PRIMARY */
  backupTo(url: string, signal: AbortSignal): Promise<BackupReport>;
  /** @throws as backupTo, and as write */
  restoreFrom(url: string, signal: AbortSignal): Promise<BackupReport>;
  /** What /v1/stats shows beside the engine's own figures. */
  figures?(): JsonObject;
}
