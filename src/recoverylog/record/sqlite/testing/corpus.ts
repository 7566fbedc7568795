/**
 * SQL stories with crashes (corpus/README.md): the recorded database and one that never crashes say the same.
 */
import { DatabaseSync } from 'node:sqlite';
import { assert, ensureError } from '../../../../base/index.ts';
import { SqliteError, type Row, type Sql } from '../index.ts';
import { askNode, askReader, damage, dump, rowText } from './dump.ts';
import type { Shard } from './shard.ts';

/** A piece of a story: statements of one transaction, a single statement, or a marker. */
export type Piece =
  | { readonly kind: 'statement'; readonly sql: string }
  | {
      readonly kind: 'transaction';
      readonly statements: readonly string[];
      readonly end: 'COMMIT;' | 'ROLLBACK;' | 'crash';
    }
  | { readonly kind: 'crash'; readonly withHints: boolean }
  | { readonly kind: 'snapshot' };

/** Statements for outside a transaction; rows that they may give are not looked at. */
const OUTSIDE = /^(PRAGMA \S+ =|PRAGMA \S+\(|VACUUM|ATTACH|DETACH|REINDEX|ANALYZE)/;
/** Characters that a difference shows of each side. */
const SHOWN = 1000;

export function parseStory(text: string): Piece[] {
  const pieces: Piece[] = [];
  let open: string[] | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    if (line === 'BEGIN;') open = [];
    else if (open && (line === 'COMMIT;' || line === 'ROLLBACK;' || line === '-- crash')) {
      pieces.push({ kind: 'transaction', statements: open, end: line === '-- crash' ? 'crash' : line });
      open = undefined;
    } else if (open) open.push(line);
    else if (line.startsWith('-- crash')) pieces.push({ kind: 'crash', withHints: line.endsWith('hints') });
    else if (line === '-- snapshot') pieces.push({ kind: 'snapshot' });
    else {
      assert(line.endsWith(';'), 'a statement of the corpus is one line', { line });
      pieces.push({ kind: 'statement', sql: line });
    }
  }
  assert(open === undefined, 'a transaction of the corpus ends');
  return pieces;
}

/** Differences between the two, each with its statement; none is good. */
export async function tell(pieces: readonly Piece[], shard: Shard, goldDir: string): Promise<string[]> {
  const differences: string[] = [];
  const compare = (what: string, mine: string, gold: string): void => {
    if (mine !== gold)
      differences.push(`${what}\n  recorded: ${mine.slice(0, SHOWN)}\n  gold:     ${gold.slice(0, SHOWN)}`);
  };
  const gold = new Gold(goldDir);
  await shard.takeOver();
  for (const piece of [...pieces, { kind: 'crash', withHints: false } as const]) {
    if (piece.kind === 'statement') {
      compare(piece.sql, await recordedOutcome(shard, piece.sql), gold.outcome(piece.sql));
      continue;
    }
    if (piece.kind === 'transaction') {
      compare(piece.statements.join(' '), await recordedTransaction(shard, piece), gold.transaction(piece));
      if (piece.end !== 'crash') continue;
    }
    if (piece.kind === 'snapshot') await shard.db.snapshot();
    else await dieAndRecover(shard, gold, piece.kind === 'crash' && piece.withHints);
    const found = await shard.db.read((sql) => damage(askReader(sql)).join('; ') + dump(askReader(sql)));
    compare(`after ${piece.kind}`, found, dump(askNode(gold.db)));
  }
  await shard.db.close();
  gold.db.close();
  return differences;
}

/** The recorded one loses its process; the other one, for its connection to know no more, is opened anew. */
async function dieAndRecover(shard: Shard, gold: Gold, withHints: boolean): Promise<void> {
  const { db } = shard;
  const hints = withHints ? await shard.primary.recorder.buildHints() : undefined;
  shard.kill();
  await shard.takeOver(hints);
  await db.close();
  gold.reopen();
}

/** Rows, or the error. */
async function recordedOutcome({ db }: Shard, sql: string): Promise<string> {
  if (OUTSIDE.test(sql)) return await settled(db.exec(sql).then(() => []));
  return await settled(db.transaction((tx) => tx.all(sql)));
}

async function recordedTransaction(
  shard: Shard,
  piece: Piece & { readonly kind: 'transaction' },
): Promise<string> {
  const outcomes: string[] = [];
  const end = new Error('the transaction is not to be');
  const work = (sql: Sql): void => {
    for (const statement of piece.statements) outcomes.push(outcomeOf(() => sql.all(statement)));
    if (piece.end === 'crash') shard.kill();
    if (piece.end !== 'COMMIT;') throw end;
  };
  const result = await shard.db.transaction(work).then(
    () => 'ok',
    (error: unknown) => (error === end ? 'ok' : wordsOf(error)),
  );
  return [...outcomes, piece.end === 'crash' ? 'ok' : result].join('\n');
}

async function settled(rows: Promise<readonly Row[]>): Promise<string> {
  return await rows.then((found) => found.map(rowText).join('\n'), wordsOf);
}

function outcomeOf(ask: () => readonly Row[]): string {
  try {
    return ask().map(rowText).join('\n');
  } catch (error) {
    return wordsOf(error);
  }
}

/** What SQLite itself says. */
function wordsOf(error: unknown): string {
  return error instanceof SqliteError ? String(error.fields['problem']) : ensureError(error).message;
}

/** Node's own SQLite on plain files. */
class Gold {
  readonly #dir: string;
  db: DatabaseSync;

  constructor(dir: string) {
    this.#dir = dir;
    this.db = new DatabaseSync(`${dir}/main.db`);
    this.reopen();
  }

  reopen(): void {
    this.db.close();
    this.db = new DatabaseSync(`${this.#dir}/main.db`, { enableForeignKeyConstraints: false });
  }

  outcome(sql: string): string {
    const text = sql.replace("'side.db'", `'${this.#dir}/side.db'`);
    return outcomeOf(() => {
      if (!OUTSIDE.test(sql)) return askNode(this.db)(text);
      this.db.exec(text);
      return [];
    });
  }

  transaction({ statements, end }: Piece & { readonly kind: 'transaction' }): string {
    this.db.exec('BEGIN');
    const outcomes = statements.map((sql) => this.outcome(sql));
    const result = this.outcome(end === 'COMMIT;' ? end : 'ROLLBACK;');
    return [...outcomes, result === '' ? 'ok' : result].join('\n');
  }
}
