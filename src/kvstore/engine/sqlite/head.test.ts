/**
 * The head of the SQLite engine: what it holds beside the pairs, and what an older one did not hold.
 */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { withTempDir } from '../../../recoverylog/testing/index.ts';
import { logIndex, logTerm } from '../../../statemachine/index.ts';
import { encodeCommand } from '../../command.ts';
import { put } from '../testing/world.ts';
import { plainDatabase } from './database.ts';
import { SqliteEngine } from './sqlite-engine.ts';

const open = (dir: string): Promise<SqliteEngine> => SqliteEngine.over(plainDatabase(join(dir, 'kv.db')));

async function write(engine: SqliteEngine, index: number, value: string): Promise<void> {
  engine.update([{ index: logIndex(index), cmd: encodeCommand(put(['k', value]), 1) }]);
  await engine.commit({ index: logIndex(index), term: logTerm(1), rows: [] });
}

test('the identity of the history is there after a restart', () =>
  withTempDir(async (dir) => {
    const first = await open(dir);
    await write(first, 2, 'one');
    const history = first.appliedHistory();
    await first.close();
    const again = await open(dir);
    expect(again.appliedHistory()).toBe(history);
    await again.close();
  }));

test('a database from before there were identities begins one, which stays', () =>
  withTempDir(async (dir) => {
    const first = await open(dir);
    await write(first, 2, 'one');
    const written = first.appliedHistory();
    await first.close();
    const db = plainDatabase(join(dir, 'kv.db'));
    await db.transaction((sql) => sql.run("UPDATE kv_head SET body = json_remove(body, '$.history')"));
    await db.close();
    const old = await open(dir);
    const begun = old.appliedHistory();
    expect(begun).not.toBe(written);
    expect(begun).toMatch(/^[0-9a-f]{32}$/);
    await write(old, 3, 'two');
    const after = old.appliedHistory();
    const hash = old.stateHash();
    await old.close();
    const again = await open(dir);
    expect([again.appliedHistory(), again.stateHash()]).toEqual([after, hash]);
    await again.close();
  }));
