/**
 * Primaries that die and standbys that take their databases over, from the log alone.
 */
import { describe, expect, test } from '@jest/globals';
import { cutLog, operationEnds, play, takeOver, treeOf, withTempDir } from '../../testing/index.ts';
import { Player, type FsmHints } from '../../index.ts';
import { openSqliteCopy, RecordedSqlite } from './index.ts';
import { MAIN, record, SIDE } from './testing/recorded-story.ts';
import { Shard } from './testing/shard.ts';

const COUNT = 'SELECT count(*) AS n, max(term) AS term FROM t';

describe('a primary that is killed', () => {
  test('in the middle of its writes is followed by a standby that was tailing, which has what was acknowledged and goes on', () =>
    withTempDir(async (root) => {
      const shard = await new Shard(root).takeOver();
      const { journal, clock, random } = shard.log;
      await shard.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, term)');
      const standby = new Player({
        journal,
        clock,
        random,
        dir: `${root}/s`,
        hints: undefined,
        expectHistory: true,
      });
      const running = standby.run();
      await Promise.race([standby.tailing, running]);
      let acknowledged = 0;
      const writes = Array.from({ length: 50 }, async () => {
        await shard.db.run('INSERT INTO t (term) VALUES (1)');
        if (++acknowledged === 20) shard.kill();
      });
      const settled = await Promise.allSettled(writes);
      const failed = settled.filter(({ status }) => status === 'rejected');
      expect(failed.length).toBe(50 - acknowledged);
      const { fs, session } = await standby.handoff({ author: 9, term: 2 });
      const db = await RecordedSqlite.open(fs, 'main.db');
      const [row] = await db.query(COUNT);
      expect(row!['n']).toBeGreaterThanOrEqual(acknowledged);
      expect(row!['n']).toBeLessThanOrEqual(50);
      await db.run('INSERT INTO t (term) VALUES (2)');
      await play(shard.log, `${root}/r`, undefined, true);
      expect(await treeOf(`${root}/r`)).toEqual(await treeOf(`${root}/s`));
      const copy = await openSqliteCopy(`${root}/r`, 'main.db');
      expect(copy.read((sql) => sql.get(COUNT))).toEqual({ n: Number(row!['n']) + 1, term: 2 });
      copy.close();
      await db.close();
      await session.close();
      await shard.db.close();
    }));

  test('again and again, some with hints, loses nothing that it had acknowledged', () =>
    withTempDir(async (root) => {
      const shard = new Shard(root, { pageBytes: 1024 });
      let hints: FsmHints | undefined;
      let least = 0;
      for (let term = 1; term <= 8; term++) {
        await shard.takeOver(hints);
        const { db } = shard;
        await db.exec(
          'PRAGMA cache_size = 5; CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, term, x)',
        );
        const [row] = await db.query(COUNT);
        expect(row!['n']).toBeGreaterThanOrEqual(least);
        for (let i = 0; i < 5; i++) await db.run('INSERT INTO t (term, x) VALUES (?, zeroblob(700))', [term]);
        least = Number(row!['n']) + 5;
        if (term % 2 === 0) await db.snapshot();
        hints = term % 3 === 0 ? undefined : await shard.primary.recorder.buildHints();
        const unfinished = db.run('INSERT INTO t (term, x) SELECT 0, hex(x) FROM t').catch(() => undefined);
        await Promise.resolve();
        shard.kill();
        await unfinished;
        await db.close();
      }
      await shard.takeOver(hints);
      expect(await shard.db.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      await shard.db.close();
    }));
});

test('a transaction over two databases that a crash has cut leaves no super-journal behind', () =>
  withTempDir(async (root) => {
    const recording = await record(
      [
        (db) => db.exec(`CREATE TABLE t (x); ATTACH '${SIDE}' AS side; CREATE TABLE side.t (x)`),
        (db) =>
          db.transaction((sql) => sql.exec('INSERT INTO main.t VALUES (1); INSERT INTO side.t VALUES (1)')),
      ],
      { journalMode: 'delete' },
    );
    const { begin } = recording.marks.at(-1)!;
    const superJournals = { afterCrash: 0, afterOpening: 0, atEnd: 0 };
    for (const cut of operationEnds(recording.content).filter((end) => end > begin)) {
      const log = await cutLog(recording.content, cut);
      const { fs, recorder, session } = await takeOver(log, `${root}/${cut}`, 2);
      const count = (): number => [...recorder.links.keys()].filter((path) => path.includes('-mj')).length;
      superJournals.afterCrash += count();
      for (const moment of ['afterOpening', 'atEnd'] as const) {
        const db = await RecordedSqlite.open(fs, MAIN);
        if (moment === 'afterOpening') superJournals.afterOpening += count();
        await db.exec(`ATTACH '${SIDE}' AS side`);
        const [row] = await db.query(
          'SELECT (SELECT count(*) FROM main.t) - (SELECT count(*) FROM side.t) AS torn',
        );
        expect(row).toEqual({ torn: 0 });
        await db.close();
      }
      superJournals.atEnd += count();
      await session.close();
    }
    expect(superJournals.afterCrash).toBeGreaterThan(superJournals.afterOpening);
    expect(superJournals.afterOpening).toBeGreaterThan(0); // as long as the other database's journal names it
    expect(superJournals.atEnd).toBe(0);
  }));
