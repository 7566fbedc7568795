/**
 * The engine on SQLite through the contract of state machines, with more commands than contract.test.ts has and commits so small that they go by way of
 * folds (sqlite/saving.ts V2).
 */
import { test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { RecordedSqlite } from '../../recoverylog/index.ts';
import { machineContract, type Subject } from '../../statemachine/testkit/index.ts';
import { encodeCommand, type AnyCommand } from '../command.ts';
import { type Pin } from './engine.ts';
import { recordedDatabase, type SqlDatabase } from './sqlite/database.ts';
import { SqliteEngine } from './sqlite/sqlite-engine.ts';
import { type Answer, type Query } from './types.ts';
import { cas, del, pair, put } from './testing/world.ts';

const id = utf8('replacement');
const steps: readonly AnyCommand[] = [
  put(['a', '1'], ['b', '2', 40], ['c', '']),
  cas('a', '1', '2', 30),
  cas('a', '1', '3'),
  del('c'),
  del('c'),
  put(...Array.from({ length: 9 }, (_, i): [string, string] => [`k${i}`, 'some value'])),
  put(['late', 'x']),
  { kind: 'begin-replace', id },
  { kind: 'replace-part', id, part: 0, pairs: [pair('n1', 'x', 90), pair('n2', 'y')] },
  put(['busy', '']),
  { kind: 'commit-replace', id, pairs: 2 },
  put(['k1', 'after']),
  cas('n1', 'x', 'z'),
];
/** The time of a command is its place: b and a expire on the way. */
const commands = steps.map((command, n) => encodeCommand(command, n * 8));
const queries: readonly Query[] = [
  { kind: 'pairs', keys: ['a', 'b', 'k1', 'n1'].map(utf8) },
  { kind: 'page', page: { prefix: new Uint8Array(), start: undefined, limit: 100 } },
];

/** So small that commits go by way of folds. */
const LIMITS = { rows: 2, bytes: 200 };

const SQLITE: Subject<Query, Answer, Pin> = {
  kind: 'on-disk',
  create: () =>
    new SqliteEngine({
      database: async (fs): Promise<SqlDatabase> => ({
        ...recordedDatabase(await RecordedSqlite.open(fs, 'kv.db', { pageBytes: 512 })),
        limits: LIMITS,
      }),
    }),
  commands,
  queries,
};

for (const { rule, name, run } of machineContract(SQLITE)) test(`${rule} ${name}`, run, 120_000);
