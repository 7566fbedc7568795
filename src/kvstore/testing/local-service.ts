/**
 * The HTTP contract's counterpart in tests of the HTTP side alone: a real engine with no log beneath, which can be told to fail or to wait.
 */
import { ensureError, equalBytes, type Clock } from '../../base/index.ts';
import { logIndex, type Result } from '../../statemachine/index.ts';
import { commandDigest, encodeCommand, type Command } from '../command.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { type BackupReport, type Query, type QueryAnswer } from '../engine/types.ts';
import { KvError, type KvErrorCode } from '../errors.ts';
import { type IdempotencyKey } from '../http/identity.ts';
import {
  type Consistency,
  type KvService,
  type ReadResult,
  type ReplicaRole,
  type Write,
  type WriteTold,
} from '../service.ts';

export class LocalService implements KvService {
  readonly engine: MemoryEngine;
  readonly #clock: Clock | undefined;
  readonly #first = new Map<string, Result>();
  readonly sessions: Set<bigint> = new Set();
  #lastSession: bigint = 2n ** 60n;
  /** Mutations as they came. */
  readonly identities: IdempotencyKey[] = [];
  readonly backups: string[] = [];
  /** Code that the next calls fail with; the last one stays. */
  failWith: KvErrorCode | undefined;
  /** Whom it names as the primary when it fails with NOT_PRIMARY. */
  primary: string | undefined;
  /** A write is applied first and then fails with OUTCOME_UNKNOWN, this many times. */
  loseAnswers = 0;
  /** Calls wait for this before they answer. */
  gate: Promise<void> | undefined;
  lagBytes: number | undefined = 0;
  replicaRole: ReplicaRole = 'primary';
  applied = 0;
  consistencies: Consistency[] = [];

  constructor(options: { readonly clock?: Clock; readonly engine?: MemoryEngine } = {}) {
    this.#clock = options.clock;
    this.engine = options.engine ?? new MemoryEngine(options.clock ? { clock: options.clock } : {});
    this.applied = this.engine.latestAppliedChangeNumber();
  }

  role(): ReplicaRole {
    return this.replicaRole;
  }

  async write(command: Command, identity: IdempotencyKey): Promise<number> {
    this.identities.push(identity);
    await this.gate;
    this.#fail();
    if (identity.kind === 'session' && !this.sessions.has(identity.clientId))
      throw new KvError('SESSION_UNKNOWN', 'There is no such session.');
    const cmd = encodeCommand(command, this.#clock?.wallMs() ?? 1);
    const key = keyOfIdentity(identity);
    let first = key === undefined ? undefined : this.#first.get(key);
    if (first && !equalBytes(first.data, commandDigest(cmd)))
      throw new KvError('REQUEST_ID_REUSED', 'reused');
    if (!first) {
      first = this.apply(cmd);
      if (key !== undefined) this.#first.set(key, first);
    }
    if (this.loseAnswers > 0) {
      this.loseAnswers--;
      throw new KvError('OUTCOME_UNKNOWN', 'lost');
    }
    return first.value;
  }

  async writeAll(writes: readonly Write[], told: WriteTold): Promise<void> {
    const write = async ({ command, identity }: Write, n: number): Promise<void> =>
      told(n, await this.write(command, identity).catch(ensureError));
    await Promise.all(writes.map(write));
  }

  /** The log's part: the next index. */
  apply(cmd: Uint8Array): Result {
    const [applied] = this.engine.update([{ index: logIndex(++this.applied), cmd }]);
    return applied!.result;
  }

  async read<Q extends Query>(query: Q, consistency: Consistency): Promise<ReadResult<QueryAnswer<Q>>> {
    this.consistencies.push(consistency);
    await this.gate;
    this.#fail();
    return { answer: this.engine.lookup(query), appliedIndex: this.applied, lagBytes: this.lagBytes };
  }

  async beginSession(): Promise<bigint> {
    await this.gate;
    this.#fail();
    const session = ++this.#lastSession;
    this.sessions.add(session);
    return session;
  }

  async endSession(session: bigint): Promise<boolean> {
    await this.gate;
    this.#fail();
    return this.sessions.delete(session);
  }

  async backupTo(url: string): Promise<BackupReport> {
    await this.gate;
    this.#fail();
    this.backups.push(url);
    const { changeNumber, keys, dataBytes } = this.engine.lookup({ kind: 'stats' });
    return { changeNumber, pairs: keys, bytes: dataBytes };
  }

  restoreFrom(url: string): Promise<BackupReport> {
    return this.backupTo(url);
  }

  #fail(): void {
    if (!this.failWith) return;
    const details = this.primary === undefined ? {} : { details: { primary: this.primary } };
    throw new KvError(this.failWith, `told to fail with ${this.failWith}`, details);
  }
}

/** Under what the first result is remembered; undefined: not at all. */
function keyOfIdentity(identity: IdempotencyKey): string | undefined {
  if (identity.kind === 'none') return undefined;
  return identity.kind === 'request' ? identity.requestId : `${identity.clientId}/${identity.series}`;
}
