/**
 * Brings writes to the disk, all of them or none, however many they are.
 *
 * V1  Few of them go straight to their places, in the transaction that moves the head.
 * V2  Many are written one after the other first (kv_fold), in as many transactions as they need; the one that moves the head makes them count. Then they
 *     are folded into their places, some in each transaction, and a crash between leaves the rest to be folded at the next open. A fold sets what a key
 *     holds, whatever it held: doing it twice is doing it once.
 */
import { bytesOf } from '../../key.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, MIN_KEY_BYTES } from '../../limits.ts';
import { WireReader, WireWriter } from '../../wire.ts';
import { type SqlDatabase, type SqlWriter } from './database.ts';
import { GONE, type Written } from './layers.ts';
import { DELETE_PAIR, UPSERT_PAIR } from './schema.ts';
import { type SavedTable, type SqliteTables } from './sqlite-tables.ts';

/** Bytes of one row of kv_fold, unless one pair is longer. */
const FOLD_BYTES: number = 256 * 1024;

interface Write {
  readonly gen: number;
  readonly key: string;
  readonly written: Written;
}

export class Saver {
  readonly #db: SqlDatabase;
  readonly #tables: SqliteTables;
  /** The last row of kv_fold that counts. */
  #folds: number;

  constructor(db: SqlDatabase, tables: SqliteTables, folds: number) {
    this.#db = db;
    this.#tables = tables;
    this.#folds = folds;
  }

  /** Resolves when all is durable and in its place. `moveHead` is called in the transaction that makes it count, with the number of the last fold. */
  async save(saved: readonly SavedTable[], moveHead: (sql: SqlWriter, folds: number) => void): Promise<void> {
    const { rows, bytes } = this.#db.limits;
    const writes = writesOf(saved);
    const size = writes.reduce((sum, { key, written }) => sum + key.length + lengthOf(written), 0);
    if (writes.length <= rows && size <= bytes) {
      await this.#db.transaction((sql) => {
        this.#place(sql, writes);
        moveHead(sql, this.#folds);
      });
      return;
    }
    const folds = foldsOf(writes, rows);
    let last = this.#folds;
    for (const batch of batchesOf(folds, bytes)) {
      await this.#db.transaction((sql) => {
        for (const body of batch) sql.run('INSERT INTO kv_fold (seq, body) VALUES (?, ?)', [++last, body]);
      });
    }
    await this.#db.transaction((sql) => moveHead(sql, last));
    this.#folds = last;
    await this.fold();
  }

  /** Folds what counts and is not in its place (V2). */
  async fold(): Promise<void> {
    const next = (): number | undefined => {
      const row = this.#db.read((sql) => sql.get('SELECT min(seq) AS seq FROM kv_fold'));
      return typeof row?.['seq'] === 'number' ? row['seq'] : undefined;
    };
    for (let seq = next(); seq !== undefined; seq = next()) await this.#foldOne(seq);
  }

  async #foldOne(seq: number): Promise<void> {
    await this.#db.transaction((sql) => {
      const body = sql.get('SELECT body FROM kv_fold WHERE seq = ?', [seq])?.['body'];
      this.#place(sql, writesIn(body as Uint8Array));
      sql.run('DELETE FROM kv_fold WHERE seq = ?', [seq]);
    });
  }

  #place(sql: SqlWriter, writes: readonly Write[]): void {
    for (const { gen, key, written } of writes) {
      this.#tables.tableOf(gen)?.keepBefore(sql, key);
      const bytes = bytesOf(key);
      if ('gone' in written) sql.run(DELETE_PAIR, [gen, bytes]);
      else sql.run(UPSERT_PAIR, [gen, bytes, bytesOf(written.value), written.expiresAt]);
    }
  }
}

function writesOf(saved: readonly SavedTable[]): readonly Write[] {
  const writes: Write[] = [];
  for (const { table, writes: layer } of saved)
    for (const [key, written] of layer.entries()) writes.push({ gen: table.gen, key, written });
  return writes;
}

function lengthOf(written: Written): number {
  return 'gone' in written ? 0 : written.value.length;
}

/** number gen | key block | u8 0 when it is gone, or u8 1 | value block | number expiry; again and again */
function* foldsOf(writes: readonly Write[], most: number): Generator<Uint8Array> {
  let out = new WireWriter();
  let count = 0;
  for (const { gen, key, written } of writes) {
    out.varint(gen).block(bytesOf(key));
    if ('gone' in written) out.byte(0);
    else out.byte(1).block(bytesOf(written.value)).varint(written.expiresAt);
    if (++count < most && out.length < FOLD_BYTES) continue;
    yield out.finish();
    out = new WireWriter();
    count = 0;
  }
  if (count > 0) yield out.finish();
}

function* batchesOf(bodies: Iterable<Uint8Array>, bytes: number): Generator<readonly Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const body of bodies) {
    batch.push(body);
    size += body.length;
    if (size < bytes) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield batch;
}

/** @throws KvFormatError */
function writesIn(body: Uint8Array): readonly Write[] {
  const input = new WireReader(body, 'fold');
  const writes: Write[] = [];
  while (!input.atEnd) {
    const gen = input.number();
    const key = input.text(MIN_KEY_BYTES, MAX_KEY_BYTES);
    const written =
      input.byte() === 0 ? GONE : { value: input.text(0, MAX_VALUE_BYTES), expiresAt: input.number() };
    writes.push({ gen, key, written });
  }
  return writes;
}
