/**
 * A store as the seed's interfaces describe it (types.ts), over whatever takes commands and answers queries: a primary with its log, or an engine alone.
 *
 * R1  One backup, restore or putSnapshot at a time (I6). What replaces the contents also holds the replicated flag that makes writes busy (state.ts S6), so
 *     two stores over one log exclude each other as well.
 * R2  A replacement that fails, from its first command on, is taken back by its id; if that fails too, it is given up after REPLACE_PATIENCE_MS.
 */
import { type Clock, type Random } from '../../base/index.ts';
import { type Result } from '../../statemachine/index.ts';
import { type ObjectStore } from '../../store/index.ts';
import { checkCommand, checkKey, encodeCommand, type AnyCommand, type Pair } from '../command.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_PAIRS } from '../limits.ts';
import { BackupReader, writeBackup } from './backup.ts';
import { BusyError, ClosedError } from './errors.ts';
import { type History } from './history.ts';
import { PARTS_UNDER_WAY } from './limits.ts';
import { readSnapshot, type PairRun } from './snapshot.ts';
import { pairOf, RESULT_BUSY } from './state.ts';
import {
  type Backupable,
  type BackupReport,
  type ChangePropagator,
  type ChangeRecord,
  type CompareAndSet,
  type EngineStats,
  type IterateOptions,
  type Iteration,
  type KvStore,
  type Query,
  type QueryAnswer,
  type SnapshotStream,
  type Stat,
} from './types.ts';

export interface StorePorts {
  /** Makes a command durable, applies it and answers its result; calls take effect in their order. */
  propose(cmd: Uint8Array, signal?: AbortSignal): Promise<Result>;
  read<Q extends Query>(query: Q, signal?: AbortSignal): Promise<QueryAnswer<Q>>;
  /** For backups. @throws StoreUrlError */
  openStore(url: string): ObjectStore;
  /** Absolute path of the directory whose writes go to the log; no backup is written there. */
  readonly recordedDir?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** Bytes of a replacement's id: no two of them are ever the same. */
const ID_BYTES = 16;

const BACKUP = 'a backup';
const RESTORE = 'a restore';

export class Store implements KvStore, Backupable, ChangePropagator, Stat {
  readonly #ports: StorePorts;
  /** R1: what is under way here. */
  #exclusive: string | undefined;
  #closed = false;

  constructor(ports: StorePorts) {
    this.#ports = ports;
  }

  async put(...given: readonly (Pair | undefined)[]): Promise<void> {
    const pairs = given.filter((pair) => pair !== undefined);
    if (pairs.length > 0) await this.#write(checkCommand({ kind: 'put', pairs }));
    else this.#check();
  }

  async get(...keys: readonly Uint8Array[]): Promise<readonly Pair[]> {
    const found: (Pair | undefined)[] = [];
    for (keys.forEach(checkKey); found.length < keys.length;)
      found.push(...(await this.#read({ kind: 'pairs', keys: keys.slice(found.length) })));
    return found.filter((pair) => pair !== undefined);
  }

  async getEach(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return await this.#read({ kind: 'get', keys: keys.map(checkKey) });
  }

  async delete(key: Uint8Array): Promise<boolean> {
    return (await this.#write(checkCommand({ kind: 'delete', key }))) === 1;
  }

  async compareAndSet(request: CompareAndSet): Promise<boolean> {
    return (await this.#write(checkCommand({ kind: 'cas', ...request }))) === 1;
  }

  async iterate(options: IterateOptions = {}): Promise<Iteration> {
    return await this.#read({ kind: 'iterate', options });
  }

  async getSnapshot(): Promise<SnapshotStream> {
    if (this.#exclusive === RESTORE) throw new BusyError(RESTORE);
    return await this.#read({ kind: 'snapshot' });
  }

  async putSnapshot(chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    await this.#exclusively(RESTORE, () => this.#replaceBy(chunks, signal));
  }

  async backupTo(url: string, signal?: AbortSignal): Promise<BackupReport> {
    const { recordedDir, clock, random } = this.#ports;
    return await this.#exclusively(BACKUP, async () => {
      const store = this.#ports.openStore(url);
      try {
        const snapshot = (): Promise<SnapshotStream> => this.#read({ kind: 'snapshot' }, signal);
        return await writeBackup({ url, store, snapshot, recordedDir, clock, random, signal });
      } finally {
        await store.close();
      }
    });
  }

  async restoreFrom(url: string, signal?: AbortSignal): Promise<BackupReport> {
    return await this.#exclusively(RESTORE, async () => {
      const store = this.#ports.openStore(url);
      try {
        const backup = await BackupReader.open(url, store, signal);
        await this.#replaceBy(backup.chunks(signal), signal);
        return backup.report;
      } finally {
        await store.close();
      }
    });
  }

  async latestCommittedChangeNumber(): Promise<number> {
    return (await this.stats()).changeNumber;
  }

  async loadChanges(from: number, max: number, history?: History): Promise<readonly ChangeRecord[]> {
    return await this.#read({ kind: 'changes', from, max, history });
  }

  async stats(): Promise<EngineStats> {
    return await this.#read({ kind: 'stats' });
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #write(command: AnyCommand, signal?: AbortSignal): Promise<number> {
    this.#check();
    const cmd = encodeCommand(command, this.#ports.clock.wallMs());
    const { value } = await this.#ports.propose(cmd, signal);
    if (value === RESULT_BUSY) throw new BusyError(RESTORE);
    return value;
  }

  async #read<Q extends Query>(query: Q, signal?: AbortSignal): Promise<QueryAnswer<Q>> {
    this.#check();
    return await this.#ports.read(query, signal);
  }

  /** R1 */
  async #exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#check();
    if (this.#exclusive !== undefined) throw new BusyError(this.#exclusive);
    this.#exclusive = what;
    try {
      return await work();
    } finally {
      this.#exclusive = undefined;
    }
  }

  /** @throws BusyError, KvFormatError, what reading and writing throw; the contents are as they were then (R2) */
  async #replaceBy(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
    const id = this.#ports.random.bytes(ID_BYTES);
    try {
      if ((await this.#write({ kind: 'begin-replace', id }, signal)) !== 1) throw new BusyError(RESTORE);
      const pairs = await this.#feed(id, chunks, signal);
      await this.#step({ kind: 'commit-replace', id, pairs }, signal);
    } catch (error) {
      // R2: also when the beginning was not answered, because it may be in the log; of another replacement nothing is taken back. The caller is told what failed first.
      await this.#write({ kind: 'abort-replace', id }).catch(() => undefined);
      throw error;
    }
  }

  /** Sends the parts, some of them at once. Answers how many pairs they have. */
  async #feed(
    id: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const underWay: Promise<void>[] = [];
    let part = 0;
    let count = 0;
    try {
      for await (const run of readSnapshot(chunks, signal)) {
        if (run.kind === 'start' || run.into === 'staged') continue;
        for (const pairs of batchesOf(run)) {
          if (underWay.length >= PARTS_UNDER_WAY) await underWay.shift();
          const step = this.#step({ kind: 'replace-part', id, part: part++, pairs }, signal);
          step.catch(() => undefined); // met below
          underWay.push(step);
          count += pairs.length;
        }
      }
      for (const step of underWay) await step;
    } finally {
      await Promise.allSettled(underWay);
    }
    return count;
  }

  /** @throws BusyError when the replacement is not under way any more */
  async #step(command: AnyCommand, signal: AbortSignal | undefined): Promise<void> {
    if ((await this.#write(command, signal)) !== 1)
      throw new BusyError('another restore, which took over because this one was too slow,');
  }

  #check(): void {
    if (this.#closed) throw new ClosedError();
  }
}

/** The pairs of a run in batches that a command may hold. */
function* batchesOf({ keys, stored }: PairRun): Generator<readonly Pair[]> {
  let batch: Pair[] = [];
  let bytes = 0;
  for (let n = 0; n < keys.length; n++) {
    const pair = pairOf(keys[n]!, stored[n]!);
    const length = pair.key.length + pair.value.length;
    if (batch.length === MAX_BATCH_PAIRS || (batch.length > 0 && bytes + length > MAX_BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(pair);
    bytes += length;
  }
  if (batch.length > 0) yield batch;
}
