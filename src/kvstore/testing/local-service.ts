/**
 * The HTTP contract's counterpart in tests of the HTTP side alone: a real KvState with no log beneath, which can be told to fail or to wait.
 */
import { equalBytes } from '../../base/index.ts';
import { encodeCommand, type Command } from '../command.ts';
import { lookup } from '../engine/lookup.ts';
import { MemoryTables } from '../engine/memory-table.ts';
import { KvState } from '../engine/state.ts';
import { KvError, type KvErrorCode } from '../errors.ts';
import {
  type Consistency,
  type KvService,
  type Query,
  type QueryAnswer,
  type ReadResult,
} from '../service.ts';

export class LocalService implements KvService {
  readonly state: KvState = new KvState(new MemoryTables());
  readonly #first = new Map<string, { readonly bytes: Uint8Array; readonly result: number }>();
  /** Code that the next calls fail with; the last one stays. */
  failWith: KvErrorCode | undefined;
  /** A write is applied first and then fails with OUTCOME_UNKNOWN, this many times. */
  loseAnswers = 0;
  /** Calls wait for this before they answer. */
  gate: Promise<void> | undefined;
  lagBytes: number | undefined = 0;
  applied = 0;
  consistencies: Consistency[] = [];

  async write(command: Command, requestId: string): Promise<number> {
    await this.gate;
    this.#fail();
    const bytes = encodeCommand(command);
    let first = this.#first.get(requestId);
    if (first && !equalBytes(first.bytes, bytes)) throw new KvError('REQUEST_ID_REUSED', 'reused');
    if (!first) {
      first = { bytes, result: this.state.apply(this.applied + 1, { now: 0, command }) };
      this.#first.set(requestId, first);
      this.applied++;
    }
    if (this.loseAnswers > 0) {
      this.loseAnswers--;
      throw new KvError('OUTCOME_UNKNOWN', 'lost');
    }
    return first.result;
  }

  async read<Q extends Query>(query: Q, consistency: Consistency): Promise<ReadResult<QueryAnswer<Q>>> {
    this.consistencies.push(consistency);
    await this.gate;
    this.#fail();
    const answer = lookup(this.state, 'memory', query, 0);
    return { answer: answer as QueryAnswer<Q>, appliedIndex: this.applied, lagBytes: this.lagBytes };
  }

  #fail(): void {
    if (this.failWith) throw new KvError(this.failWith, `told to fail with ${this.failWith}`);
  }
}
