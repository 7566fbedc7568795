/**
 * What the HTTP side asks of the store, whatever role this replica has at the moment. application.ts has it from the replica.
 */
import { type Consistency, type ReadResult } from '../service/index.ts';
import { type Command } from './command.ts';
import { type Query, type QueryAnswer, type Values } from './engine/types.ts';

export type { Consistency, ReadResult };

export type { Query, QueryAnswer, Values };

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
