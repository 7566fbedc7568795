/**
 * Any statements, in any transactions, cut anywhere.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { problemAfter, record, SIDE, type Step } from './testing/recorded-story.ts';

const CUTS = 6;

const schema = fc.constantFrom('main', 'side');
const part = fc.record({ of: fc.integer({ min: 1, max: 5 }), is: fc.nat(4) });
const bytes = fc.constantFrom(0, 10, 300, 3000);
const statement: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(schema, fc.integer({ min: 1, max: 40 }), bytes)
      .map(
        ([on, rows, size]) =>
          `INSERT INTO ${on}.item (body) SELECT zeroblob(${size}) FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${rows}) SELECT i FROM n)`,
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(schema, part, bytes)
      .map(
        ([on, { of, is }, size]) =>
          `UPDATE ${on}.item SET body = hex(zeroblob(${size})) || id WHERE id % ${of} = ${is}`,
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(schema, part)
      .map(([on, { of, is }]) => `DELETE FROM ${on}.item WHERE id % ${of} = ${is}`),
  },
  { weight: 1, arbitrary: schema.map((on) => `CREATE INDEX IF NOT EXISTS ${on}.by_body ON item (body)`) },
  { weight: 1, arbitrary: schema.map((on) => `DROP INDEX IF EXISTS ${on}.by_body`) },
  { weight: 1, arbitrary: fc.constant('SAVEPOINT a') },
  { weight: 1, arbitrary: fc.constant('ROLLBACK TO a') },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ statements: fc.array(statement, { minLength: 1, maxLength: 5 }), commits: fc.boolean() })
      .map(({ statements, commits }) => transaction(statements, commits)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      (db) => db.snapshot(),
      (db) => db.exec('VACUUM'),
      (db) => db.exec('VACUUM side'),
    ),
  },
);

/** What SQLite refuses (there is no savepoint a) is no statement. */
function transaction(statements: readonly string[], commits: boolean): Step {
  const end = new Error('rolled back');
  return (db) =>
    db
      .transaction((sql) => {
        for (const each of statements) {
          try {
            sql.exec(each);
          } catch (error) {
            if (!String(error).includes('no such savepoint')) throw error;
          }
        }
        if (!commits) throw end;
      })
      .catch((error: unknown) => {
        if (error !== end) throw error;
      });
}

const settings = fc.record({
  journalMode: fc.constantFrom('truncate' as const, 'delete' as const),
  pageBytes: fc.constantFrom(512, 4096),
  cache: fc.constantFrom(3, 1000),
  autoVacuum: fc.constantFrom('NONE', 'FULL'),
});

test('leave the end of a transaction', async () => {
  await fc.assert(
    fc.asyncProperty(
      settings,
      fc.array(step, { minLength: 1, maxLength: 6 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: CUTS, maxLength: CUTS }),
      async ({ journalMode, pageBytes, cache, autoVacuum }, steps, cuts) => {
        const first: Step[] = [
          `PRAGMA cache_size = ${cache}`,
          `PRAGMA auto_vacuum = ${autoVacuum}`,
          'CREATE TABLE item (id INTEGER PRIMARY KEY, body)',
          `ATTACH '${SIDE}' AS side`,
          `PRAGMA side.auto_vacuum = ${autoVacuum}`,
          'CREATE TABLE side.item (id INTEGER PRIMARY KEY, body)',
        ].map((sql) => (db) => db.exec(sql));
        const recording = await record([...first, ...steps], { journalMode, pageBytes });
        for (const share of [...cuts, 1]) {
          const cut = Math.floor(share * recording.content.length);
          expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
        }
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);
