/**
 * The tables of the SQLite engine: which generation is the current one, which is staged, and which are left to be removed.
 *
 * T1  A generation's number is never used again while a pair of it is on the disk.
 * T2  What is not current and not staged is removed bit by bit, once nobody views it. Nobody can tell how far that is.
 */
import { assert } from '../../../base/index.ts';
import { type Tables } from '../table.ts';
import { type SqlDatabase, type SqlReader } from './database.ts';
import { type Layer } from './layers.ts';
import { DELETE_SOME, type TableHead } from './schema.ts';
import { SqliteTable } from './sqlite-table.ts';

/** Pairs of one generation on their way to the disk. */
export interface SavedTable {
  readonly table: SqliteTable;
  readonly writes: Layer;
}

export class SqliteTables implements Tables {
  readonly #db: SqlDatabase;
  #current: SqliteTable;
  #staged: SqliteTable | undefined;
  /** T2 */
  #dead: SqliteTable[];
  #nextGen: number;
  #saving: readonly SqliteTable[] = [];

  /** @param present generations that have pairs on the disk */
  constructor(
    db: SqlDatabase,
    current: TableHead,
    staged: TableHead | undefined,
    present: readonly number[],
  ) {
    this.#db = db;
    this.#current = new SqliteTable(db, current);
    this.#staged = staged && new SqliteTable(db, staged);
    const live = [current.gen, ...(staged ? [staged.gen] : [])];
    const dead = present.filter((gen) => !live.includes(gen));
    this.#dead = dead.map((gen) => new SqliteTable(db, { gen, size: 0, dataBytes: 0 }));
    this.#nextGen = Math.max(...live, ...present) + 1;
  }

  get current(): SqliteTable {
    return this.#current;
  }

  get staged(): SqliteTable | undefined {
    return this.#staged;
  }

  stage(): SqliteTable {
    this.unstage();
    this.#staged = new SqliteTable(this.#db, { gen: this.newGeneration(), size: 0, dataBytes: 0 });
    return this.#staged;
  }

  promote(): void {
    assert(this.#staged !== undefined, 'a staged table is there to be promoted');
    this.#dead.push(this.#current);
    this.#current = this.#staged;
    this.#staged = undefined;
  }

  unstage(): void {
    if (this.#staged) this.#dead.push(this.#staged);
    this.#staged = undefined;
  }

  /** Puts other generations in the place of all; views of what there was go on. */
  replace(current: TableHead, staged: TableHead | undefined): void {
    this.unstage();
    this.#dead.push(this.#current);
    this.#current = new SqliteTable(this.#db, current);
    this.#staged = staged && new SqliteTable(this.#db, staged);
  }

  /** T1 */
  newGeneration(): number {
    return this.#nextGen++;
  }

  /** A generation that was begun and is not wanted. */
  abandon(gen: number): void {
    this.#dead.push(new SqliteTable(this.#db, { gen, size: 0, dataBytes: 0 }));
  }

  /** Everything that was written and is not on the disk; it counts until endSave. */
  beginSave(): readonly SavedTable[] {
    assert(this.#saving.length === 0, 'one save at a time');
    this.#saving = this.#staged ? [this.#current, this.#staged] : [this.#current];
    return this.#saving.map((table) => ({ table, writes: table.beginSave() }));
  }

  endSave(): void {
    for (const table of this.#saving) table.endSave();
    this.#saving = [];
  }

  /** A table that a write on the disk goes to; undefined: nobody looks at that generation. */
  tableOf(gen: number): SqliteTable | undefined {
    return [this.#current, this.#staged, ...this.#saving, ...this.#dead].find((table) => table?.gen === gen);
  }

  /** T2 @returns whether there was something to remove */
  async removeSome(rows: number): Promise<boolean> {
    const dead = this.#dead.find((table) => !table.isViewed && !this.#saving.includes(table));
    if (!dead) return false;
    const isThere = (sql: SqlReader): boolean =>
      sql.get('SELECT 1 AS there FROM kv_pair WHERE gen = ? LIMIT 1', [dead.gen]) !== undefined;
    if (this.#db.read(isThere)) await this.#db.transaction((sql) => sql.run(DELETE_SOME, [dead.gen, rows]));
    else this.#dead = this.#dead.filter((table) => table !== dead);
    return true;
  }
}
