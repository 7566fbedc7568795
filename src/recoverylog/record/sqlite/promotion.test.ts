/**
 * Primaries that die and standbys that take their databases over, from the log alone.
 */
import { describe, expect, test } from '@jest/globals';
import { play, treeOf, withTempDir } from '../../testing/index.ts';
import { Player, type FsmHints } from '../../index.ts';
import { openSqliteCopy, RecordedSqlite } from './index.ts';
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
