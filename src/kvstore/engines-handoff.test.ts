/**
 * Both engines through the life of a shard, with real parts (testing/process.ts): whatever a client was told is there after the primary has died.
 */
import { mkdir } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { fromUtf8, systemClock } from '../base/index.ts';
import { newLog, withTempDir } from '../recoverylog/testing/index.ts';
import { KvClient } from './client/index.ts';
import { ENGINES } from './engine/testing/driver.ts';
import { ReplicaProcess } from './testing/process.ts';

async function contents(client: KvClient): Promise<Record<string, string>> {
  const page = await client.list({ limit: 1000 });
  return Object.fromEntries(page.items.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]));
}

test.each(ENGINES)(
  'the %s engine: run, kill the primary, promote a standby, compare; again and again',
  async (engine) => {
    await withTempDir(async (dir) => {
      const log = newLog();
      const backup = `file://${dir}/backup`;
      await mkdir(`${dir}/backup`);
      const started: ReplicaProcess[] = [];
      const start = async (): Promise<ReplicaProcess> => {
        const replica = await ReplicaProcess.start(log, `${dir}/${started.length}`, { engine });
        started.push(replica);
        return replica;
      };
      let term = 0;
      let primary = await start();
      const client = new KvClient({ resolve: () => Promise.resolve(primary.url) });
      const model: Record<string, string> = {};
      const saved: Record<string, string> = {};
      const steps = [
        async (): Promise<void> => {
          await client.put([
            { key: 'gone', value: 'x', ttlMs: 1 },
            { key: 'stays', value: 'y', ttlMs: 3_600_000 },
          ]);
          Object.assign(model, { stays: 'y' });
          await systemClock.sleep(2);
        },
        async (): Promise<void> => {
          expect(await client.compareAndSet('gone', undefined, 'anew')).toBe(true);
          expect(await client.compareAndSet('stays', 'x', 'no')).toBe(false);
          expect(await client.delete('k3')).toBe(true);
          model['gone'] = 'anew';
          delete model['k3'];
          await primary.application.checkpoint();
        },
        async (): Promise<void> => {
          await client.backup(backup);
          Object.assign(saved, model);
        },
        async (): Promise<void> => {
          await client.restore(backup);
          for (const key of Object.keys(model)) delete model[key];
          Object.assign(model, saved);
        },
      ];
      for (const [n, step] of steps.entries()) {
        await primary.promote(++term);
        expect(await contents(client)).toEqual(model);
        for (let i = 0; i < 10; i++) {
          await client.put([
            { key: `k${i}`, value: `${n}.${i}` },
            { key: `k${n}${i}`, value: '' },
          ]);
          Object.assign(model, { [`k${i}`]: `${n}.${i}`, [`k${n}${i}`]: '' });
        }
        await step();
        expect(await contents(client)).toEqual(model);
        const hash = await primary.machineHash();
        const standby = await start();
        await primary.kill();
        primary = standby;
        await standby.promote(++term);
        expect(await standby.machineHash()).toBe(hash);
        await standby.kill();
        primary = await start();
      }
      await client.close();
      for (const replica of started) await replica.close();
    });
  },
  60_000,
);
