/**
 * Brings a snapshot to the disk, beside what is there: its pairs come in order, so they fill one page after the other.
 *
 * W1  The pairs go into new generations, which nobody sees until the head names them. A load that fails or is cut off leaves the store as it was.
 * W2  While one transaction is on its way to the log the next one is made; never more.
 */
import { bytesOf } from '../../key.ts';
import { KvFormatError } from '../../errors.ts';
import { readSnapshot, type PairRun } from '../snapshot.ts';
import { type Attributes } from '../state.ts';
import { type SqlDatabase, type SqlValue, type SqlWriter } from './database.ts';
import { type TableHead } from './schema.ts';

/** Bytes of a transaction of a load: a few batches of the log. */
const LOAD_BYTES: number = 4 * 1024 * 1024;
/** Pairs of one statement. */
const PAIRS_AT_ONCE = 32;

export interface Loaded {
  readonly attributes: Attributes;
  readonly current: TableHead;
  readonly staged: TableHead;
}

/** @throws KvFormatError, what the database says, the signal's reason */
export async function loadPairs(
  db: SqlDatabase,
  chunks: AsyncIterable<Uint8Array>,
  generations: { readonly current: number; readonly staged: number },
  signal: AbortSignal,
): Promise<Loaded> {
  const load = new Load(db, generations);
  let attributes: Attributes | undefined;
  for await (const part of readSnapshot(chunks, signal)) {
    if (part.kind === 'start') attributes = part.attributes;
    else await load.add(part);
  }
  if (!attributes) throw new KvFormatError('snapshot', 'it has no beginning');
  await load.finish();
  return { attributes, ...load.heads };
}

class Load {
  readonly #db: SqlDatabase;
  readonly heads: { readonly current: Counted; readonly staged: Counted };
  #runs: PairRun[] = [];
  #bytes = 0;
  /** W2 */
  #onItsWay: Promise<void> = Promise.resolve();

  constructor(db: SqlDatabase, generations: { readonly current: number; readonly staged: number }) {
    this.#db = db;
    this.heads = { current: noneOf(generations.current), staged: noneOf(generations.staged) };
  }

  async add(run: PairRun): Promise<void> {
    const head = this.heads[run.into];
    let bytes = 0;
    for (let n = 0; n < run.keys.length; n++) bytes += run.keys[n]!.length + run.stored[n]!.value.length;
    head.size += run.keys.length;
    head.dataBytes += bytes;
    this.#runs.push(run);
    this.#bytes += bytes;
    if (this.#bytes >= LOAD_BYTES) await this.#write();
  }

  async finish(): Promise<void> {
    await this.#write();
    await this.#onItsWay;
  }

  async #write(): Promise<void> {
    const runs = this.#runs;
    this.#runs = [];
    this.#bytes = 0;
    await this.#onItsWay;
    this.#onItsWay = this.#db.transaction((sql) => {
      for (const run of runs) insertRun(sql, this.heads[run.into].gen, run);
    });
    this.#onItsWay.catch(() => undefined); // met by whoever awaits it next
  }
}

interface Counted extends TableHead {
  size: number;
  dataBytes: number;
}

function noneOf(gen: number): Counted {
  return { gen, size: 0, dataBytes: 0 };
}

const PLACE = "(?, ?, coalesce(?, x''), ?)";
const INSERT_ONE = `INSERT INTO kv_pair (gen, k, v, e) VALUES ${PLACE}`;
const INSERT_MANY = `INSERT INTO kv_pair (gen, k, v, e) VALUES ${Array.from({ length: PAIRS_AT_ONCE }, () => PLACE).join(', ')}`;

function insertRun(sql: SqlWriter, gen: number, { keys, stored }: PairRun): void {
  const valuesOf = (n: number): SqlValue[] => [
    gen,
    bytesOf(keys[n]!),
    bytesOf(stored[n]!.value),
    stored[n]!.expiresAt,
  ];
  let n = 0;
  for (; n + PAIRS_AT_ONCE <= keys.length; n += PAIRS_AT_ONCE) {
    const values: SqlValue[] = [];
    for (let at = n; at < n + PAIRS_AT_ONCE; at++) values.push(...valuesOf(at));
    sql.run(INSERT_MANY, values);
  }
  for (; n < keys.length; n++) sql.run(INSERT_ONE, valuesOf(n));
}
