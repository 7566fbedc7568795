/**
 * Every case of the key-value service through a failover: run on a primary, which dies; asked again of the standby that takes over, and of a process that
 * replays the log. All parts are real but the store, which is in memory.
 */
import { expect, test } from '@jest/globals';
import { KvClient } from '../../../src/kvstore/client/index.ts';
import { ReplicaProcess } from '../../../src/kvstore/testing/index.ts';
import { newLog, withTempDir } from '../../../src/recoverylog/testing/index.ts';
import { contentsOf, KV_CASES, runCases } from '../../harness/kv-cases.ts';

const clientOf = ({ url }: ReplicaProcess): KvClient => new KvClient({ resolve: () => Promise.resolve(url) });

/** Runs it with a log, and ends what was started. */
async function throughFailover(cases: typeof KV_CASES, snapshot: boolean): Promise<void> {
  await withTempDir(async (root) => {
    const log = newLog();
    const ends: (() => Promise<void>)[] = [];
    const start = async (name: string): Promise<ReplicaProcess> => {
      const replica = await ReplicaProcess.start(log, `${root}/${name}`);
      ends.unshift(() => replica.close());
      return replica;
    };
    /** Promotes it; resolves with a client of it, and how to close that, once. */
    const serve = async (replica: ReplicaProcess, term: number): Promise<[KvClient, () => Promise<void>]> => {
      await replica.promote(term);
      const client = clientOf(replica);
      let closing: Promise<void> | undefined;
      const close = (): Promise<void> => (closing ??= client.close());
      ends.unshift(close);
      return [client, close];
    };
    try {
      const [first, standby] = [await start('first'), await start('standby')];
      const [kv, close] = await serve(first, 1);
      const check = await runCases(kv, cases);
      if (snapshot) await first.application.checkpoint();
      const contents = await contentsOf(kv);
      await close(); // ends its session, which is a command too
      const hash = await first.machineHash();
      await first.kill();
      const [successor, closeSuccessor] = await serve(standby, 2);
      expect(await contentsOf(successor)).toEqual(contents);
      expect(await standby.machineHash()).toBe(hash);
      await check(successor);
      await closeSuccessor();
      const after = await standby.machineHash();
      await standby.kill();
      const replayed = await start('replayed');
      const [last] = await serve(replayed, 3);
      expect(await replayed.machineHash()).toBe(after);
      await check(last);
    } finally {
      for (const end of ends) await end();
    }
  });
}

test.each([
  ['in the entries of the log', false],
  ['behind a snapshot', true],
])('each case holds on the standby that takes over, and on a replay; %s', (_where, snapshot) =>
  throughFailover(KV_CASES, snapshot),
);
