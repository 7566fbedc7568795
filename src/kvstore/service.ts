/**
 * What the HTTP side asks of the store, whatever role this replica has at the moment. application.ts implements it.
 */
import { type Command } from './command.ts';
import { type Query, type QueryAnswer } from './engine/types.ts';

export { type Query, type QueryAnswer, type Values } from './engine/types.ts';

/** linearizable: sees every write acknowledged before the read arrived, at the primary only. stale: whatever this replica has applied. */
export type Consistency = 'linearizable' | 'stale';

export interface ReadResult<T> {
  readonly answer: T;
  /** Index of the last log entry the answer reflects. */
  readonly appliedIndex: number;
  /** Bytes of log known to exist but not applied: 0 at a primary, undefined while unknown. */
  readonly lagBytes: number | undefined;
}

export interface KvService {
  /**
   * Makes a command durable, applies it and answers its result (KvState.apply). The same request id with the same command is applied once
   * however often it is sent, as long as the table of first results remembers it.
   * @throws KvError NOT_PRIMARY, NOT_APPENDED, OUTCOME_UNKNOWN, REQUEST_ID_REUSED (K1)
   */
  write(command: Command, requestId: string, signal: AbortSignal): Promise<number>;
  /** @throws KvError NOT_PRIMARY, READ_NOT_CONFIRMED */
  read<Q extends Query>(
    query: Q,
    consistency: Consistency,
    signal: AbortSignal,
  ): Promise<ReadResult<QueryAnswer<Q>>>;
}
