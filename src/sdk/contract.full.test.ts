/**
 * SqliteMachine under the kit that users run their machines through: determinism, restarts, snapshots, crashes around commits.
 */
import { describe, test } from '@jest/globals';
import { machineContract } from '../statemachine/testkit/index.ts';
import { CommandRefusedError, SqliteMachine, type Row } from './index.ts';

interface Write {
  readonly key: string;
  readonly value: number;
}

function machine(): SqliteMachine<Write, unknown, string, readonly Row[]> {
  return new SqliteMachine({
    schema:
      'CREATE TABLE pair (key TEXT PRIMARY KEY, value INTEGER CHECK (value < 100), at TEXT, dice INTEGER)',
    update: (sql, { key, value }) => {
      if (value < 0) throw new CommandRefusedError('NEGATIVE', 'A value is not negative.');
      const text = "INSERT OR REPLACE INTO pair VALUES (?, ?, datetime('now'), random()) RETURNING dice";
      return sql.get(text, [key, value]);
    },
    lookup: (sql, order) => sql.all(`SELECT * FROM pair ORDER BY key ${order}`),
  });
}

const writes: readonly Write[] = [
  { key: 'a', value: 1 },
  { key: 'b', value: 2 },
  { key: 'a', value: 100 }, // SQLite refuses it
  { key: 'c', value: -1 }, // the service refuses it
  { key: 'a', value: 3 },
  { key: 'c', value: 4 },
  { key: 'd', value: 5 },
  { key: 'b', value: 6 },
];

describe('SqliteMachine keeps the contract', () => {
  const commands = writes.map((write, at) => machine().encode(write, 1000 * at));
  const subject = { kind: 'on-disk', create: machine, commands, queries: ['ASC', 'DESC'] } as const;
  test.each(machineContract(subject))('$rule $name', async ({ run }) => await run());
});
