/**
 * Drives an engine as a shard's log would, without one: commands get indexes, an on-disk engine commits now and then, and a restart begins with what a crash
 * leaves (the database, or the last snapshot) and applies the rest of the log again.
 */
import { join } from 'node:path';
import { concatBytes, systemRandom, type Clock } from '../../../base/index.ts';
import { VirtualClock } from '../../../base/testing/index.ts';
import { logIndex, logTerm, type Entry, type MarkRow, type Result } from '../../../statemachine/index.ts';
import { openStore } from '../../../store/index.ts';
import { encodeCommand, type AnyCommand } from '../../command.ts';
import { MemoryEngine } from '../memory-engine.ts';
import { plainDatabase } from '../sqlite/database.ts';
import { SqliteEngine } from '../sqlite/sqlite-engine.ts';
import { Store, type StorePorts } from '../store.ts';
import { type Query, type QueryAnswer } from '../types.ts';

export const ENGINES = ['memory', 'sqlite'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Index of the first command: 1 is a primary's first entry, which no machine sees. */
const FIRST_INDEX = 2;

export class Driver {
  readonly name: EngineName;
  readonly clock: VirtualClock = new VirtualClock();
  readonly #dir: string;
  readonly #log: Entry[] = [];
  #engine: MemoryEngine | SqliteEngine;
  /** Memory: what a new replica would begin with. */
  #snapshot: { readonly bytes: Uint8Array; readonly index: number } | undefined;

  private constructor(name: EngineName, dir: string) {
    this.name = name;
    this.#dir = dir;
    this.#engine = this.#newEngine();
  }

  /** @param dir an empty directory of the driver's own */
  static async start(name: EngineName, dir: string): Promise<Driver> {
    const driver = new Driver(name, dir);
    await driver.#open();
    return driver;
  }

  get engine(): MemoryEngine | SqliteEngine {
    return this.#engine;
  }

  /** Index of the last command. */
  get index(): number {
    return this.#log.length + FIRST_INDEX - 1;
  }

  propose(cmd: Uint8Array): Promise<Result> {
    const entry = { index: logIndex(this.index + 1), cmd };
    this.#log.push(entry);
    return Promise.resolve(this.#engine.update([entry])[0]!.result);
  }

  /** @returns the results' values */
  apply(commands: readonly AnyCommand[], now: number = this.clock.wallMs()): number[] {
    return this.applyEncoded(commands.map((command) => encodeCommand(command, now)));
  }

  /** One batch. @returns the results' values */
  applyEncoded(commands: readonly Uint8Array[]): number[] {
    const entries = commands.map((cmd, n) => ({ index: logIndex(this.index + 1 + n), cmd }));
    this.#log.push(...entries);
    return this.#engine.update(entries).map(({ result }) => result.value);
  }

  lookup<Q extends Query>(query: Q): QueryAnswer<Q> {
    return this.#engine.lookup(query);
  }

  /** What lasts: a commit of the one, a snapshot of the other. */
  async checkpoint(rows: readonly MarkRow[] = []): Promise<void> {
    const { index } = this;
    if (this.#engine instanceof SqliteEngine)
      await this.#engine.commit({ index: logIndex(index), term: logTerm(1), rows });
    else this.#snapshot = { bytes: await snapshotOf(this.#engine), index };
  }

  /** Ends without a word and comes back. */
  async restart(): Promise<void> {
    await this.#engine.close();
    this.#engine = this.#newEngine();
    await this.#open();
  }

  /** The store as its users see it. */
  store(ports: Partial<StorePorts> = {}): Store {
    return new Store({
      propose: (cmd) => this.propose(cmd),
      read: (query) => Promise.resolve(this.lookup(query)),
      openStore: (url) => openStore(url),
      clock: this.clock,
      random: systemRandom,
      ...ports,
    });
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #newEngine(): MemoryEngine | SqliteEngine {
    const clock: Clock = this.clock;
    if (this.name === 'memory') return new MemoryEngine({ clock });
    const path = join(this.#dir, 'kv.db');
    return new SqliteEngine({ database: () => Promise.resolve(plainDatabase(path)), clock });
  }

  async #open(): Promise<void> {
    let applied = FIRST_INDEX - 1;
    if (this.#engine instanceof SqliteEngine) {
      const unused = undefined as never; // the database is at a path of its own
      applied = (await this.#engine.open(unused))?.index ?? applied;
    } else if (this.#snapshot) {
      await this.#engine.recoverFromSnapshot(chunksOf(this.#snapshot.bytes), new AbortController().signal);
      applied = this.#snapshot.index;
    }
    this.#engine.update(this.#log.filter(({ index }) => index > applied));
  }
}

/** The engine's snapshot, in one piece. */
export async function snapshotOf(engine: MemoryEngine | SqliteEngine): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const write = (chunk: Uint8Array): Promise<void> => Promise.resolve(void chunks.push(chunk));
  await engine.saveSnapshot(engine.prepareSnapshot(), write, new AbortController().signal);
  return concatBytes(chunks);
}

export async function* chunksOf(bytes: Uint8Array, size: number = 32 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}
