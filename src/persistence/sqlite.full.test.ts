/**
 * One SQLite file, several processes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { fromUtf8, systemClock, systemRandom } from '../base/index.ts';
import { openSqlite, SQLITE, sqlStore } from './index.ts';

const PROCESSES = 4;
const TIMES = 50;

test('processes that open a new file at once make one table in it, and every change counts', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-sqlite-'));
  const path = join(directory, 'state.db');
  try {
    const program = join(import.meta.dirname, 'testing', 'sqlite-adder.ts');
    const ends = await Promise.all(
      Array.from({ length: PROCESSES }, async () => {
        const child = spawn(process.execPath, [program, path, String(TIMES)], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        const said: string[] = [];
        child.stderr.on('data', (bytes) => said.push(String(bytes)));
        const [code] = (await once(child, 'close')) as [number];
        return code === 0 ? 'done' : said.join('');
      }),
    );
    expect(ends).toEqual(Array(PROCESSES).fill('done'));
    const file = await openSqlite(path);
    try {
      const parts = { clock: systemClock, random: systemRandom };
      const store = sqlStore({ driver: file, dialect: SQLITE, writer: 'test', ...parts });
      const stored = (await store.read('id'))!;
      expect([fromUtf8(stored.value), stored.revision]).toEqual([
        String(PROCESSES * TIMES),
        PROCESSES * TIMES,
      ]);
    } finally {
      file.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
