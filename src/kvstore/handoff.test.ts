/**
 * The whole path below HTTP with real parts (testing/process.ts): what a client is promised while the primary's role moves, over both engines. However a case
 * ends, its primary is killed then, and a replica that is promoted has the very state.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { fromUtf8, systemClock } from '../base/index.ts';
import { newLog, withTempDir, type TestLog } from '../recoverylog/testing/index.ts';
import { KvClient } from './client/index.ts';
import { ENGINES, type EngineName } from './engine/testing/driver.ts';
import { ReplicaProcess } from './testing/process.ts';

const running: ReplicaProcess[] = [];
/** The last one that was promoted, and its term. */
let last: { readonly replica: ReplicaProcess; readonly term: number } | undefined;
afterEach(async () => {
  for (const replica of running.splice(0).reverse()) await replica.close();
  last = undefined;
});

async function start(log: TestLog, dir: string, engine: EngineName): Promise<ReplicaProcess> {
  const replica = await ReplicaProcess.start(log, dir, { engine });
  running.push(replica);
  return replica;
}

async function promote(replica: ReplicaProcess, term: number): Promise<void> {
  await replica.promote(term);
  last = { replica, term };
}

/** `count` replicas of one log, the first of them primary at term 1. What the last primary was is what the next one is, which has the log alone (I7). */
async function withReplicas(
  engine: EngineName,
  count: number,
  use: (replicas: readonly ReplicaProcess[], log: TestLog, dir: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const log = newLog();
    const replicas: ReplicaProcess[] = [];
    for (let i = 0; i < count; i++) replicas.push(await start(log, `${dir}/${i}`, engine));
    await promote(replicas[0]!, 1);
    await use(replicas, log, dir);
    const { replica, term } = last!;
    const hash = await replica.machineHash();
    await replica.kill();
    const next = await start(log, `${dir}/next`, engine);
    await promote(next, term + 1);
    expect(await next.machineHash()).toBe(hash);
    for (const one of running.splice(0).reverse()) await one.close();
  });
}

async function contents(replica: ReplicaProcess, prefix = ''): Promise<[string, string][]> {
  const client = new KvClient({ resolve: () => Promise.resolve(replica.url) });
  const page = await client.list({ prefix, limit: 1000 }, { consistency: 'stale' });
  await client.close();
  return page.items.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]);
}

/** Waits until a standby has applied as much as `index`. */
async function caughtUp(replica: ReplicaProcess, index: number): Promise<void> {
  while (replica.application.status().appliedIndex < index) await systemClock.sleep(2);
}

async function codeOf(url: URL, path: string): Promise<string> {
  const reply = await request(new URL(path, url));
  const { code } = (await reply.body.json()) as { code: string };
  return code;
}

describe.each(ENGINES)('a standby, over the engine %s', (engine) => {
  test('says how far it has come, and answers stale reads with that if its machine is open; on the disk it is not', () =>
    withReplicas(engine, 2, async ([primary, standby]) => {
      const client = new KvClient({ resolve: () => Promise.resolve(primary!.url) });
      for (let i = 0; i < 20; i++) await client.put([{ key: `k${i}`, value: `v${i}` }]);
      await caughtUp(standby!, primary!.application.status().appliedIndex);
      expect(await codeOf(standby!.url, '/v1/kv/k19')).toBe('NOT_PRIMARY');
      if (engine === 'sqlite')
        expect(await codeOf(standby!.url, '/v1/kv/k19?consistency=stale')).toBe('NOT_PRIMARY');
      else {
        const at = new KvClient({ resolve: () => Promise.resolve(standby!.url) });
        const read = await at.read('k19', { consistency: 'stale' });
        expect(fromUtf8(read.value!)).toBe('v19');
        expect(read.appliedIndex).toBe(primary!.application.status().appliedIndex);
        expect(read.lagBytes).toBe(0);
        await at.close();
      }
      await client.close();
    }));
});

describe.each(ENGINES)('a handoff, over the engine %s', (engine) => {
  test('a request made at the old primary and repeated at the new one has its first answer and one effect', () =>
    withReplicas(engine, 2, async ([old, next]) => {
      let at = old!;
      const client = new KvClient({ resolve: () => Promise.resolve(at.url) });
      expect(await client.compareAndSet('lock', undefined, 'mine', { requestId: 'r1' })).toBe(true);
      expect(await client.compareAndSet('lock', undefined, 'yours', { requestId: 'r2' })).toBe(false);
      expect(await client.delete('lock', { requestId: 'r3' })).toBe(true);
      await promote(next!, 2);
      at = next!;
      expect(await client.compareAndSet('lock', undefined, 'mine', { requestId: 'r1' })).toBe(true);
      expect(await client.compareAndSet('lock', undefined, 'yours', { requestId: 'r2' })).toBe(false);
      expect(await client.delete('lock', { requestId: 'r3' })).toBe(true);
      expect(await client.get('lock')).toBeUndefined(); // no repetition took effect again
      await expect(
        client.compareAndSet('lock', undefined, 'other', { requestId: 'r1' }),
      ).rejects.toMatchObject({
        code: 'REQUEST_ID_REUSED',
        status: 422,
      });
      await client.close();
    }));

  test('the old primary, fenced without knowing it, answers no read and takes no write', () =>
    withReplicas(engine, 2, async ([old, next]) => {
      const client = new KvClient({ resolve: () => Promise.resolve(old!.url) });
      await client.put([{ key: 'k', value: 'old' }]);
      await promote(next!, 2);
      const newer = new KvClient({ resolve: () => Promise.resolve(next!.url) });
      await newer.put([{ key: 'k', value: 'new' }]);
      expect(['NOT_PRIMARY', 'READ_NOT_CONFIRMED']).toContain(await codeOf(old!.url, '/v1/kv/k'));
      expect(await codeOf(old!.url, '/v1/kv/k?consistency=stale')).toBe('NOT_PRIMARY');
      const write = await request(new URL('/v1/kv/k', old!.url), { method: 'PUT', body: 'zombie' });
      expect(((await write.body.json()) as { code: string }).code).toBe('NOT_PRIMARY');
      expect(fromUtf8((await newer.get('k'))!)).toBe('new');
      await Promise.all([client.close(), newer.close()]);
    }));

  test('a write caught by the fence is told its outcome, and its repetition settles it', () =>
    withReplicas(engine, 2, async ([old, next]) => {
      const first = request(new URL('/v1/kv/warm', old!.url), { method: 'PUT', body: 'up' });
      expect((await first).statusCode).toBe(200);
      await promote(next!, 2);
      const caught = await request(new URL('/v1/kv/k', old!.url), {
        method: 'PUT',
        body: 'v',
        headers: { 'holdfast-request-id': 'r1' },
      });
      const { code } = (await caught.body.json()) as { code: string };
      expect(['NOT_APPENDED', 'OUTCOME_UNKNOWN', 'NOT_PRIMARY']).toContain(code);
      const client = new KvClient({ resolve: () => Promise.resolve(next!.url) });
      if (code !== 'OUTCOME_UNKNOWN') expect(await client.get('k')).toBeUndefined();
      await client.put([{ key: 'k', value: 'v' }], { requestId: 'r1' });
      expect(fromUtf8((await client.get('k'))!)).toBe('v');
      await client.close();
    }));

  test('a clean release answers every write that was taken', () =>
    withReplicas(engine, 2, async ([old, next]) => {
      let at = old!;
      const client = new KvClient({ resolve: () => Promise.resolve(at.url) });
      const writes = Array.from({ length: 50 }, (_, i) => client.put([{ key: `k${i}`, value: `${i}` }]));
      await writes[0];
      const released = old!.release();
      await released;
      await promote(next!, 2);
      at = next!;
      await Promise.all(writes);
      expect((await contents(next!)).length).toBe(50);
      await client.close();
    }));

  test(
    'four times in a row under a client that keeps writing: nothing acknowledged is lost, no read goes back',
    () =>
      withReplicas(engine, 5, async (replicas) => {
        let at = replicas[0]!;
        const client = new KvClient({ resolve: () => Promise.resolve(at.url), firstAttemptMs: 200 });
        const acknowledged: number[] = [];
        const stop = new AbortController();
        const writer = (async () => {
          for (let n = 1; !stop.signal.aborted; n++) {
            await client.put([
              { key: `w/${String(n).padStart(5, '0')}`, value: `${n}` },
              { key: 'latest', value: `${n}` },
            ]);
            acknowledged.push(n);
          }
        })();
        const reader = (async () => {
          while (!stop.signal.aborted) {
            const atLeast = acknowledged.length;
            const value = await client.get('latest');
            expect(value === undefined ? 0 : Number(fromUtf8(value))).toBeGreaterThanOrEqual(atLeast);
          }
        })();
        for (const [i, next] of replicas.entries()) {
          const goal = acknowledged.length + 20;
          while (acknowledged.length < goal) await systemClock.sleep(5);
          if (i === 0) continue;
          if (i === 2) await at.application.checkpoint();
          await promote(next, i + 1);
          at = next;
        }
        stop.abort();
        await Promise.all([writer, reader]);
        const found = new Map(await contents(at, 'w/'));
        for (const n of acknowledged) expect(found.get(`w/${String(n).padStart(5, '0')}`)).toBe(`${n}`);
        expect(found.size).toBe(acknowledged.length);
        await client.close();
      }),
    60_000,
  );
});

describe.each(ENGINES)(
  'a client that is given the endpoints and nothing else, over the engine %s',
  (engine) => {
    test('finds the primary, and the next one, and each of its calls takes effect once', () =>
      withReplicas(engine, 2, async ([old, next]) => {
        const client = new KvClient({ endpoints: [next!.url, old!.url], firstAttemptMs: 200 });
        expect(await client.compareAndSet('counter', undefined, '0')).toBe(true);
        let expected = 0;
        const count = async (): Promise<void> => {
          const swapped = await client.compareAndSet('counter', String(expected), String(expected + 1));
          expect(swapped).toBe(true); // a call that is applied twice finds its own value the second time
          expected++;
        };
        for (let i = 0; i < 10; i++) await count();
        const moving = promote(next!, 2); // the old one loses the log in the middle of a call
        for (let i = 0; i < 20; i++) await count();
        await moving;
        for (let i = 0; i < 10; i++) await count();
        expect(fromUtf8((await client.get('counter'))!)).toBe('40');
        const reply = await request(new URL('/v1/stats', next!.url));
        expect(await reply.body.json()).toMatchObject({ role: 'primary', engine, keys: 1 });
        await client.close();
      }));

    test('is told nothing of other sessions; one that was ended is not known any more', () =>
      withReplicas(engine, 1, async ([primary]) => {
        const client = new KvClient({ endpoints: [primary!.url] });
        await client.put([{ key: 'a', value: '1' }]);
        const begun = await request(new URL('/v1/sessions', primary!.url), { method: 'POST' });
        const { session } = (await begun.body.json()) as { session: string };
        expect(session).toMatch(/^[0-9]+$/);
        const ended = await request(new URL(`/v1/sessions/${session}`, primary!.url), { method: 'DELETE' });
        expect(await ended.body.json()).toEqual({ ended: true });
        const headers = { 'holdfast-session': session, 'holdfast-series': '1' };
        const put = await request(new URL('/v1/kv/b', primary!.url), { method: 'PUT', body: 'x', headers });
        expect([put.statusCode, await put.body.json()]).toMatchObject([409, { code: 'SESSION_UNKNOWN' }]);
        expect(await client.get('b')).toBeUndefined();
        await client.close();
      }));

    test('has an expiry judged by the service', () =>
      withReplicas(engine, 1, async ([primary]) => {
        const client = new KvClient({ endpoints: [primary!.url] });
        await client.put([{ key: 'short', value: '1', ttlMs: 40 }]);
        await client.put([
          { key: 'long', value: '2', ttlMs: 3_600_000 },
          { key: 'ever', value: '3' },
        ]);
        expect((await client.read('ever')).expiresAt).toBeUndefined();
        expect((await client.read('long')).expiresAt).toBeGreaterThan(systemClock.wallMs());
        while (await client.get('short')) await systemClock.sleep(5);
        expect(await client.compareAndSet('short', undefined, 'anew', { ttlMs: 3_600_000 })).toBe(true);
        expect(await client.compareAndSet('long', '2', 'stays')).toBe(true);
        expect((await client.read('long')).expiresAt).toBeUndefined();
        await client.close();
      }));
  },
);

describe.each(ENGINES)('a restart, over the engine %s', (engine) => {
  test('from the log alone gives the same state, before and after a checkpoint under load (I7)', () =>
    withReplicas(engine, 1, async ([first], log, dir) => {
      const primary = first!;
      const client = new KvClient({ resolve: () => Promise.resolve(primary.url) });
      const write = async (from: number, to: number): Promise<void> => {
        for (let i = from; i < to; i++) await client.put([{ key: `k${i % 70}`, value: `${i}` }]);
      };
      await write(0, 60);
      await Promise.all([write(60, 120), primary.application.checkpoint(), write(120, 180)]);
      await client.delete('k5');
      await client.close(); // its session ends in the log too
      const wanted = await contents(primary);
      expect(wanted).toHaveLength(69);
      const { appliedIndex } = primary.application.status();
      const hash = await primary.machineHash();
      const copy = await start(log, `${dir}/copy`, engine);
      await caughtUp(copy, appliedIndex);
      if (engine === 'memory') expect(await contents(copy)).toEqual(wanted);
      await primary.close();
      running.splice(running.indexOf(primary), 1);
      await promote(copy, 2);
      expect(await copy.machineHash()).toBe(hash);
      expect(await contents(copy)).toEqual(wanted);
      expect(copy.application.status().appliedIndex).toBe(appliedIndex + 1); // the first entry of its term
    }));
});
