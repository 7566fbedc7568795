/**
 * sqlite-adder: one of several processes that count in one SQLite file. `node sqlite-adder.ts FILE TIMES`
 */
import { fromUtf8, systemClock, systemRandom, utf8 } from '../../base/index.ts';
import { openSqlite, SQLITE, sqlStore, updateState } from '../index.ts';

const [path = '', times = '0'] = process.argv.slice(2);
const parts = { clock: systemClock, random: systemRandom };
const file = await openSqlite(path);
const store = sqlStore({ driver: file, dialect: SQLITE, writer: `adder ${process.pid}`, ...parts });
await store.init();
for (let n = 0; n < Number(times); n++)
  await updateState(store, 'id', (now) => utf8(String(Number(now ? fromUtf8(now) : '0') + 1)), parts);
file.close();
