/**
 * A service in SQL through the whole path, with real parts but the store: what it promises while primaries come and go.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { newLog, withTempDir, type TestLog } from '../recoverylog/testing/index.ts';
import { httpService, identityOf, machineApplication, type Service } from '../service/index.ts';
import { ServiceProcess } from '../service/testing/index.ts';
import { CommandRefusedError, jsonText, SqliteMachine, type Row } from './index.ts';

/** Moves money between accounts, and keeps a book of it. */
interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

type Query = 'accounts' | 'book';

function bank(): SqliteMachine<Transfer, number, Query, readonly Row[]> {
  return new SqliteMachine({
    schema: [
      'CREATE TABLE account (name TEXT PRIMARY KEY, money INTEGER NOT NULL CHECK (money >= 0))',
      'CREATE TABLE book (n INTEGER PRIMARY KEY, line TEXT, at TEXT, seal INTEGER)',
      "INSERT INTO account VALUES ('mint', 1000000)",
    ],
    update: (sql, { from, to, amount }, { index }) => {
      if (from === to) throw new CommandRefusedError('SAME_ACCOUNT', 'A transfer needs two accounts.');
      if (amount === 666) throw new RangeError('a fault of the service');
      sql.run('INSERT OR IGNORE INTO account VALUES (?, 0)', [to]);
      if (amount === 4711) {
        sql.run('UPDATE account SET money = 0');
        return 'long'.repeat(300_000) as never;
      }
      if (amount === 4712) return JSON.parse('['.repeat(300) + ']'.repeat(300)) as never;
      if (amount === 4713) sql.all(`SELECT ${'x'.repeat(1_100_000)}`);
      if (amount === 4714) return Promise.resolve(1) as never;
      sql.run("INSERT INTO book VALUES (?, ?, datetime('now'), random())", [
        index,
        `${from} ${to} ${amount}`,
      ]);
      sql.run('UPDATE account SET money = money + ? WHERE name = ?', [amount, to]);
      sql.run('UPDATE account SET money = money - ? WHERE name = ?', [amount, from]);
      return Number(sql.get('SELECT money FROM account WHERE name = ?', [to])!['money']);
    },
    lookup: (sql, query) =>
      query === 'book'
        ? sql.all('SELECT * FROM book ORDER BY n')
        : sql.all('SELECT * FROM account ORDER BY name'),
  });
}

const NOW = Date.UTC(2026, 0, 1);

class Branch {
  readonly machine: ReturnType<typeof bank> = bank();
  service: Service<Query, readonly Row[]> | undefined;
  process: ServiceProcess<Query, readonly Row[]> | undefined;

  static async start(log: TestLog, dir: string): Promise<Branch> {
    const branch = new Branch();
    const serve = httpService<Query, readonly Row[]>((http, service) => {
      branch.service = service;
      http.get('/book', async (_request, reply) =>
        reply.type('application/json').send(jsonText((await service.read('book', 'linearizable')).answer)),
      );
      http.post('/mint/:to/:amount', async (asked) => {
        const { to, amount } = asked.params as { readonly to: string; readonly amount: string };
        const transfer: Transfer = { from: 'mint', to, amount: Number(amount) };
        return { money: await branch.machine.propose(service, transfer, identityOf(asked), NOW) };
      });
    });
    branch.process = await ServiceProcess.start(
      log,
      dir,
      machineApplication({ machine: branch.machine, serve }),
    );
    running.push(branch);
    return branch;
  }

  transfer(from: string, to: string, amount: number, requestId?: string, nowMs = NOW): Promise<number> {
    return this.machine.propose(this.service!, { from, to, amount }, { requestId }, nowMs);
  }

  async ask(query: Query): Promise<readonly Row[]> {
    return (await this.service!.read(query, 'linearizable')).answer;
  }

  async close(): Promise<void> {
    await this.process?.close();
  }
}

const running: Branch[] = [];
afterEach(async () => {
  for (const branch of running.splice(0).reverse()) await branch.close();
});

async function withLog(use: (start: () => Promise<Branch>) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const log = newLog();
    let branches = 0;
    await use(() => Branch.start(log, `${dir}/${branches++}`));
    for (const branch of running.splice(0).reverse()) await branch.close();
  });
}

describe('a service in SQL', () => {
  test('loses nothing that it has acknowledged, and does nothing twice, over primaries that are killed before, between and after commits', () =>
    withLog(async (start) => {
      let at = await start();
      await at.process!.promote(1);
      const answers = new Map<string, number>();
      for (let term = 1; term <= 4; term++) {
        for (let n = 0; n < 10; n++) {
          const id = `${term}-${n}`;
          answers.set(id, await at.transfer('mint', `a${n % 3}`, term + n, id, NOW + term * 1000));
          if (term % 2 === 0 && n === 5) await at.process!.application.checkpoint();
        }
        const [accounts, book] = [await at.ask('accounts'), await at.ask('book')];
        const next = await start();
        await at.process!.kill();
        await next.process!.promote(term + 1);
        expect([await next.ask('accounts'), await next.ask('book')]).toEqual([accounts, book]);
        at = next;
      }
      for (const [id, answer] of answers)
        expect({ id, again: await at.transfer('mint', 'nobody', 1, id) }).toEqual({ id, again: answer });
      const accounts = await at.ask('accounts');
      expect(accounts.reduce((sum, { money }) => sum + Number(money), 0)).toBe(1_000_000);
      expect((await at.ask('book')).length).toBe(40);
    }));

  test('answers a command that SQLite or the service refuses with the reason, and nothing of it is done', () =>
    withLog(async (start) => {
      const branch = await start();
      await branch.process!.promote(1);
      await branch.transfer('mint', 'a', 5, 'one');
      await expect(branch.transfer('a', 'b', 6, 'two')).rejects.toMatchObject({
        code: 'SQLITE_CONSTRAINT_CHECK',
      });
      await expect(branch.transfer('a', 'a', 1, 'three')).rejects.toMatchObject({
        code: 'SAME_ACCOUNT',
        message: 'A transfer needs two accounts.',
      });
      await expect(branch.transfer('mint', 'a', 4711, 'long')).rejects.toMatchObject({
        code: 'OUTCOME_TOO_LARGE',
      });
      await expect(branch.transfer('mint', 'a', 4712)).rejects.toMatchObject({ code: 'OUTCOME_UNFIT' });
      await expect(branch.transfer('mint', 'a', 4713)).rejects.toMatchObject({
        code: 'SQLITE_ERROR',
        message: expect.stringMatching(/^SQLite: no such column: x{1000,10000}$/),
      });
      await expect(branch.transfer('mint', 'a', 4714)).rejects.toMatchObject({ code: 'SQLITE_REFUSED' });
      expect(await branch.ask('accounts')).toEqual([
        { name: 'a', money: 5 },
        { name: 'mint', money: 999_995 },
      ]);
      const next = await start();
      await branch.process!.kill();
      await next.process!.promote(2);
      await expect(next.transfer('a', 'b', 1, 'two')).rejects.toMatchObject({
        code: 'SQLITE_CONSTRAINT_CHECK',
      }); // its first answer
      expect(await next.ask('book')).toHaveLength(1);
    }));

  test('is not stopped by a command that cannot be read again: it is refused before it is in the log, or read as it was given', () =>
    withLog(async (start) => {
      const branch = await start();
      await branch.process!.promote(1);
      const endless = JSON.parse('['.repeat(2_700) + ']'.repeat(2_700)) as string;
      await expect(branch.transfer('mint', endless, 1)).rejects.toMatchObject({ code: 'COMMAND_UNFIT' });
      const odd = { $bigint: 'x' } as unknown as string;
      await expect(branch.transfer('mint', odd, 1)).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
      expect(await branch.transfer('mint', 'a', 1)).toBe(1);
    }));

  test('stops when its own code fails, and does not guess', () =>
    withLog(async (start) => {
      const branch = await start();
      await branch.process!.promote(1);
      await expect(branch.transfer('mint', 'a', 666)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      expect(await branch.process!.application.failed).toMatchObject({ code: 'SHARD_HALTED' });
      await expect(branch.transfer('mint', 'a', 1)).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    }));

  test('over HTTP: statuses and codes, request ids, and who is asked', () =>
    withLog(async (start) => {
      const [branch, standby] = [await start(), await start()];
      await branch.process!.promote(1);
      const call = async (method: 'GET' | 'POST', path: string, at = branch): Promise<unknown> => {
        const reply = await request(new URL(path, at.process!.url), {
          method,
          headers: { 'holdfast-request-id': 'same' },
        });
        return [reply.statusCode, await reply.body.json()];
      };
      expect(await call('POST', '/mint/a/7')).toEqual([200, { money: 7 }]);
      expect(await call('POST', '/mint/a/7')).toEqual([200, { money: 7 }]);
      expect(await call('GET', '/book')).toMatchObject([
        200,
        [{ line: 'mint a 7', at: '2026-01-01 00:00:00' }],
      ]);
      expect(await call('GET', '/book', standby)).toMatchObject([421, { code: 'NOT_PRIMARY' }]);
      expect(await call('GET', '/nothing')).toMatchObject([404, {}]);
    }));
});
