/**
 * A machine in SQL through the contract of state machines: what a user of the kit sees.
 */
import { describe, test } from '@jest/globals';
import { machineContract, type Subject } from '../statemachine/testkit/index.ts';
import type { PinnedFile } from '../recoverylog/index.ts';
import { CommandRefusedError, SqliteMachine, type Row } from './index.ts';

interface Order {
  readonly item: string;
  readonly count: number;
}

type Query = 'stock' | 'book';

const NOW = Date.UTC(2026, 0, 1);

/** A store room: orders that SQLite or the machine refuses are among its commands, and its book has SQL's own time and luck. */
const storeRoom = (): SqliteMachine<Order, number, Query, readonly Row[]> =>
  new SqliteMachine({
    schema: [
      'CREATE TABLE stock (item TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count >= 0))',
      'CREATE TABLE book (n INTEGER PRIMARY KEY, at TEXT, seal INTEGER)',
    ],
    update: (sql, { item, count }, { index }) => {
      if (count === 0) throw new CommandRefusedError('NOTHING', 'An order is of something.');
      sql.run("INSERT INTO book VALUES (?, datetime('now'), random())", [index]);
      sql.run('INSERT INTO stock VALUES (?1, ?2) ON CONFLICT (item) DO UPDATE SET count = count + ?2', [
        item,
        count,
      ]);
      return Number(sql.get('SELECT count FROM stock WHERE item = ?', [item])!['count']);
    },
    lookup: (sql, query) =>
      sql.all(query === 'stock' ? 'SELECT * FROM stock ORDER BY item' : 'SELECT * FROM book ORDER BY n'),
  });

const ORDERS: readonly Order[] = [
  { item: 'nails', count: 40 },
  { item: 'rope', count: 3 },
  { item: 'nails', count: -15 },
  { item: 'rope', count: -9 },
  { item: 'tar', count: 0 },
  { item: 'tar', count: 7 },
];

const subject: Subject<Query, readonly Row[], PinnedFile> = {
  kind: 'on-disk',
  create: storeRoom,
  commands: ORDERS.map((order, n) => storeRoom().encode(order, NOW + n * 1000)),
  queries: ['stock', 'book'],
};

describe('a machine in SQL', () => {
  for (const { rule, name, run } of machineContract(subject)) test(`${rule} ${name}`, run, 60_000);
});
