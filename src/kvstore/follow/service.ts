/**
 * What a read replica answers: stale reads from what it has applied; everything else is for the primary, and it says where that is (or who knows).
 */
import { type BackupReport, type Query, type QueryAnswer } from '../engine/types.ts';
import { type Engine } from '../engine/engine.ts';
import { KvError } from '../errors.ts';
import { type JsonObject } from '../http/json-bytes.ts';
import { type Consistency, type KvService, type ReadResult, type ReplicaRole } from '../service.ts';
import { type Replicator } from './replicator.ts';

export class FollowingService implements KvService {
  readonly #engine: Engine;
  readonly #replicator: Replicator;

  constructor(engine: Engine, replicator: Replicator) {
    this.#engine = engine;
    this.#replicator = replicator;
  }

  role(): ReplicaRole {
    return 'replica';
  }

  read<Q extends Query>(query: Q, consistency: Consistency): Promise<ReadResult<QueryAnswer<Q>>> {
    if (consistency === 'linearizable') return this.#refuse('It answers reads with consistency=stale only');
    const appliedIndex = this.#engine.latestAppliedChangeNumber();
    return Promise.resolve({ answer: this.#engine.lookup(query), appliedIndex, lagBytes: undefined });
  }

  write(): Promise<never> {
    return this.#refuse('It takes no writes');
  }

  writeAll(): Promise<never> {
    return this.write();
  }

  beginSession(): Promise<never> {
    return this.#refuse('It has no sessions');
  }

  endSession(): Promise<never> {
    return this.#refuse('It has no sessions');
  }

  backupTo(): Promise<BackupReport> {
    return this.#refuse('It makes no backups');
  }

  restoreFrom(): Promise<BackupReport> {
    return this.#refuse('It takes no writes');
  }

  figures(): JsonObject {
    const { health, ...figures } = this.#replicator.figures();
    const healthy = health.kind === 'healthy';
    return { replication: { ...figures, healthy, ...(healthy ? {} : { reason: health.message }) } };
  }

  #refuse(why: string): Promise<never> {
    const source = this.#replicator.source;
    return Promise.reject(
      new KvError('NOT_PRIMARY', `This is a read replica. ${why}; ask the primary.`, {
        details: source ? { primary: source.origin } : {},
      }),
    );
  }
}
