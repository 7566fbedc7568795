import { describe, expect, test } from '@jest/globals';
import { newLog, play, takeOver, treeOf, withTempDir } from '../../testing/index.ts';
import { openSqliteCopy, RecordedSqlite } from './index.ts';

describe('a recorded database', () => {
  test('is where the log is played', () =>
    withTempDir(async (root) => {
      const log = newLog();
      const primary = await takeOver(log, `${root}/p`, 1);
      const db = await RecordedSqlite.open(primary.fs, 'app.db');
      await db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, text)');
      await db.run('INSERT INTO t (text) VALUES (?), (?)', ['one', 'two']);
      await play(log, `${root}/c`, undefined, true);
      expect(await treeOf(`${root}/c`)).toEqual(await treeOf(`${root}/p`));
      const copy = await openSqliteCopy(`${root}/c`, 'app.db');
      expect(copy.read((sql) => sql.all('SELECT * FROM t'))).toEqual([
        { id: 1, text: 'one' },
        { id: 2, text: 'two' },
      ]);
      copy.close();
      await db.close();
    }));
});
