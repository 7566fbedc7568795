/**
 * Snapshots: a file that is written anew while it is used, a log that can be pruned, and crashes at each operation of it.
 */
import { describe, expect, test } from '@jest/globals';
import { cutLog, operationEnds, takeOver, treeOf, withTempDir } from '../../testing/index.ts';
import { parseHints, encodeHintsJson, neededByHints } from '../../index.ts';
import { RecordedSqlite } from './index.ts';
import { askReader, damage, dump } from './testing/dump.ts';
import { allowedAt, problemAfter, record, type Step } from './testing/recorded-story.ts';
import { Shard } from './testing/shard.ts';

/** More than one piece of a copy. */
const ROWS = 1300;
const fill = (db: RecordedSqlite): Promise<void> =>
  db.transaction((sql) => {
    sql.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, body)');
    for (let id = 0; id < ROWS; id++) sql.run('INSERT INTO item VALUES (?, zeroblob(1000))', [id]);
  });
/** Turns of the event loop's inner queue: a snapshot of two pieces is over within them. */
const TURNS = 24;

/** Begins a snapshot and, `turns` later, changes rows at the beginning, in the middle and at the end of the file; whether it was copying then. */
async function changeMeanwhile(
  db: RecordedSqlite,
  links: ReadonlyMap<string, number>,
  turns: number,
  text: string,
): Promise<boolean> {
  const done = db.snapshot();
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  const copying = await db.transaction((sql) => {
    sql.run('UPDATE item SET body = ? WHERE id IN (0, ?, ?)', [text, ROWS / 2, ROWS - 1]);
    return links.has('/main.db-next');
  });
  await done;
  return copying;
}

describe('a snapshot', () => {
  test('takes in what is changed while it copies, and readers of the log see the same bytes at its end', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { db } = shard;
      await fill(db);
      const before = shard.primary.recorder.links.get('/main.db');
      let copying = 0;
      for (let turns = 0; turns < TURNS; turns++) {
        const text = `after ${turns} turns`;
        if (await changeMeanwhile(db, shard.primary.recorder.links, turns, text)) copying++;
        const [row] = await db.query('SELECT count(*) AS n FROM item WHERE body = ?', [text]);
        expect(row).toEqual({ n: 3 });
      }
      expect(copying).toBeGreaterThan(0);
      expect(copying).toBeLessThan(TURNS);
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      await shard.takeOver(); // nothing of what SQLite remembers
      const found = await shard.db.query('SELECT count(*) AS n FROM item WHERE body = ?', [
        `after ${TURNS - 1} turns`,
      ]);
      expect(found).toEqual([{ n: 3 }]);
      expect(await shard.db.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      await shard.db.close();
      expect(shard.primary.recorder.links.get('/main.db')).not.toBe(before);
      expect([...shard.primary.recorder.links.keys()].sort()).toEqual(['/main.db', '/main.db-journal']);
      await db.close();
    }));

  test('lets everything go that lies before it: hints after it need nothing else', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { db, primary } = shard;
      await db.exec("ATTACH 'side.db' AS side; CREATE TABLE side.u (x); INSERT INTO side.u VALUES (1)");
      await fill(db);
      for (let round = 0; round < 8; round++) await db.run('UPDATE item SET body = randomblob(1000)');
      const { databaseBytes, logBytes } = db.footprint;
      expect(logBytes).toBeGreaterThan(10 * databaseBytes);
      expect(db.snapshotIsDue).toBe(true);
      const begin = primary.session.appendedHead;
      await db.snapshot();
      const hints = parseHints(encodeHintsJson(await primary.recorder.buildHints()));
      const { ranges } = neededByHints(shard.log.journal.name, encodeHintsJson(hints));
      const older = ranges.map((range) => Math.min(range.end, begin) - Math.min(range.begin, begin));
      expect(older.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(200); // the empty journal
      expect(db.footprint.logBytes).toBeLessThan(1.1 * databaseBytes);
      expect(db.snapshotIsDue).toBe(false);
      await db.run("INSERT INTO item (body) VALUES ('after')");
      const { footprint } = db;
      const tree = await treeOf(shard.dir);
      expect(await shard.restored(hints)).toEqual(tree);
      await shard.prune(hints);
      expect(shard.storedBytes).toBeLessThan(1.3 * databaseBytes); // of more than ten times as many
      await shard.takeOver(hints);
      expect(await treeOf(shard.dir)).toEqual(tree);
      expect(shard.db.footprint.logBytes).toBeGreaterThanOrEqual(footprint.logBytes - 100_000);
      expect(await shard.db.query("SELECT count(*) AS n FROM item WHERE body = 'after'")).toEqual([{ n: 1 }]);
      await shard.db.close();
      await db.close();
    }));

  test('gives a file back its length after VACUUM', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { db } = shard;
      await fill(db);
      await db.run('DELETE FROM item WHERE id > 10');
      await db.exec('VACUUM');
      const { databaseBytes } = db.footprint;
      await db.snapshot();
      expect(db.footprint.databaseBytes).toBeLessThan(databaseBytes / 50);
      await db.run("INSERT INTO item (body) VALUES ('after')");
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      await db.close();
    }));

  test('that is given up leaves nothing behind; one of an empty database is nothing', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { db } = shard;
      await db.snapshot();
      await fill(db);
      const controller = new AbortController();
      const given = db.snapshot(controller.signal);
      const reason = new Error('of the caller');
      await Promise.resolve().then(() => controller.abort(reason));
      await expect(given).rejects.toBe(reason);
      await db.barrier();
      expect([...shard.primary.recorder.links.keys()].sort()).toEqual(['/main.db', '/main.db-journal']);
      await db.run("UPDATE item SET body = 'x' WHERE id = 0");
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      await db.close();
    }));

  test('of a database that is detached meanwhile is given up; the others get theirs', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { db, primary } = shard;
      await db.exec("CREATE TABLE t (x); ATTACH 'side.db' AS side; CREATE TABLE side.t (x)");
      await db.run('INSERT INTO side.t VALUES (zeroblob(1500000))');
      let before = -1;
      for (let turns = 0; turns < 2 * TURNS; turns++) {
        const done = db.snapshot();
        before = primary.recorder.links.get('/main.db')!;
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        await db.exec('DETACH side');
        await done;
        expect(primary.recorder.links.has('/side.db-next')).toBe(false);
        await db.exec("ATTACH 'side.db' AS side");
        expect(await db.query('SELECT length(x) AS n FROM side.t')).toEqual([{ n: 1_500_000 }]);
      }
      expect(primary.recorder.links.get('/main.db')).not.toBe(before);
      expect(await shard.restored()).toEqual(await treeOf(shard.dir));
      await db.close();
    }));

  test('of an attached database in which a crash has cut a transaction that shortens it undoes that first', () =>
    withTempDir(async (root) => {
      const recording = await record([
        (db) =>
          db.exec("ATTACH 'side.db' AS side; PRAGMA side.page_size = 1024; PRAGMA side.auto_vacuum = FULL"),
        (db) => db.exec('CREATE TABLE side.t (id INTEGER PRIMARY KEY, x)'),
        (db) =>
          db.run(`INSERT INTO side.t (x) SELECT randomblob(700) FROM json_each('[${'1,'.repeat(30)}1]')`),
        (db) => db.run('DELETE FROM side.t WHERE id <> 5'),
      ]);
      const { begin } = recording.marks.at(-1)!;
      const cuts = operationEnds(recording.content).filter((end) => end > begin);
      expect(cuts.length).toBeGreaterThan(3);
      for (const cut of cuts) {
        const { fs, session } = await takeOver(await cutLog(recording.content, cut), `${root}/${cut}`, 2);
        const db = await RecordedSqlite.open(fs, 'main.db');
        await db.exec("ATTACH 'side.db' AS side");
        await db.snapshot();
        const found = await db.read((sql) => ({
          damage: damage(askReader(sql)),
          state: dump(askReader(sql)),
        }));
        expect(found.damage).toEqual([]);
        expect(allowedAt(recording, cut)).toContain(found.state);
        await db.close();
        await session.close();
      }
    }));

  test('cut at any of its operations leaves the database as it was before or after what went on meanwhile', async () => {
    const change: Step = async (db, links) => {
      let turns = 0;
      while (!(await changeMeanwhile(db, links, turns, 'changed'))) turns++;
    };
    const recording = await record([fill, change]);
    const { begin } = recording.marks[2]!;
    const cuts = operationEnds(recording.content).filter((end) => end >= begin);
    expect(cuts.length).toBeGreaterThan(10);
    for (const cut of cuts) expect({ cut, problem: await problemAfter(recording, cut) }).toEqual({ cut });
  }, 60_000);
});
