/**
 * A read replica of a real shard (player, journal, recorder, runtime, HTTP): through a failover, a backup and a restore.
 */
import { mkdir } from 'node:fs/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { fromUtf8 } from '../../base/index.ts';
import { newLog, withTempDir } from '../../recoverylog/testing/index.ts';
import { KvClient } from '../client/index.ts';
import { ReplicaProcess } from '../testing/process.ts';
import { closeReplicas, startReplica, until } from '../testing/replica-rig.ts';

const running: ReplicaProcess[] = [];
afterEach(async () => {
  await closeReplicas();
  for (const replica of running.splice(0).reverse()) await replica.close();
});

async function contents(url: URL): Promise<[string, string][]> {
  const client = new KvClient({ endpoints: [url] });
  const found: [string, string][] = [];
  for await (const { key, value } of client.iterate({}, { consistency: 'stale' }))
    found.push([fromUtf8(key), fromUtf8(value)]);
  await client.close();
  return found;
}

describe('a read replica of a shard', () => {
  test('follows a standby, goes on with the next primary, and has what a restore brought', () =>
    withTempDir(async (dir) => {
      const log = newLog();
      for (const name of ['a', 'b']) running.push(await ReplicaProcess.start(log, `${dir}/${name}`));
      const [old, next] = running as [ReplicaProcess, ReplicaProcess];
      await old.promote(1);
      const endpoints = [old.url, next.url];
      const client = new KvClient({ endpoints });
      const rig = await startReplica([endpoints], { health: { maxLag: 100, maxAgeMs: 5_000 } });
      const caughtUp = async (): Promise<void> => {
        const wanted = await contents(await primaryOf());
        await until(async () => JSON.stringify(await contents(rig.url)) === JSON.stringify(wanted));
      };
      let primary = old;
      const primaryOf = (): Promise<URL> => Promise.resolve(primary.url);

      for (let n = 0; n < 20; n++) await client.put([{ key: `k${n}`, value: 'before' }]);
      await caughtUp();
      const missing = await client.backup(`file://${dir}/backup`).catch((error: unknown) => error);
      expect(missing).toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('create it') });
      await mkdir(`${dir}/backup`);
      const backup = `file://${dir}/backup`;
      const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => client.backup(backup)));
      const [made, ...others] = outcomes.filter(({ status }) => status === 'fulfilled');
      expect([made, others]).toMatchObject([{ value: { pairs: 20 } }, []]); // one of five
      for (const { reason } of outcomes.filter((one) => one.status === 'rejected'))
        expect(reason).toMatchObject({ code: expect.stringMatching(/^(BUSY|BACKUP_FAILED)$/) });

      await next.promote(2);
      primary = next;
      for (let n = 10; n < 30; n++) await client.put([{ key: `k${n}`, value: 'after' }]);
      await caughtUp();
      expect((await contents(rig.url)).filter(([, value]) => value === 'after')).toHaveLength(20);

      expect(await client.restore(backup)).toMatchObject({ pairs: 20 });
      await client.put([{ key: 'last', value: 'v' }]);
      await caughtUp();
      const found = await contents(rig.url);
      expect(found.filter(([, value]) => value === 'before')).toHaveLength(20);
      expect(found.at(-1)).toEqual(['last', 'v']);
      expect(rig.replica.figures().health).toEqual({ kind: 'healthy' });
      await client.close();
    }));
});
