/**
 * The client against real servers on loopback: what it repeats, where it goes on, and what it says when it gives up.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { fromUtf8, systemClock, utf8 } from '../../base/index.ts';
import { KvError, type KvErrorCode } from '../errors.ts';
import { checkRigs, rig, type Rig } from '../testing/http-rig.ts';
import { KvClient, KvSessionLostError, KvTimeoutError } from './index.ts';

afterEach(checkRigs);

/** The clock by which the HTTP client ends what takes too long; it can be moved, and has no types. */
const UNDICI_TIMERS = 'undici/lib/util/timers.js';
const { default: undiciTimers } = (await import(UNDICI_TIMERS)) as {
  readonly default: { readonly tick: (ms: number) => void };
};

describe('the client over real sockets', () => {
  async function clientOf(...rigs: Rig[]): Promise<KvClient> {
    const urls = await Promise.all(rigs.map(({ server }) => server.listen({ host: '127.0.0.1', port: 0 })));
    let asked = 0;
    return new KvClient({
      resolve: () => Promise.resolve(new URL(urls[Math.min(asked++, urls.length - 1)]!)),
    });
  }

  test('every operation, with keys no URL keeps', async () => {
    const client = await clientOf(rig());
    for (const key of ['.', '..', '/', '?#', '%41', Uint8Array.of(0, 255)]) {
      await client.put([{ key, value: Uint8Array.of(0xff, 0) }]);
      expect(await client.get(key)).toEqual(Uint8Array.of(0xff, 0));
      expect(await client.compareAndSet(key, Uint8Array.of(0xff, 0), '')).toBe(true);
      expect(await client.compareAndSet(key, undefined, 'x')).toBe(false);
      expect(await client.get(key)).toEqual(new Uint8Array());
      expect(await client.delete(key)).toBe(true);
      expect(await client.delete(key)).toBe(false);
      expect(await client.get(key)).toBeUndefined();
    }
    await client.put(['c', 'a', 'b'].map((key) => ({ key, value: key })));
    const page = await client.list({ prefix: '', limit: 2 });
    expect([page.items.map(({ key }) => key), page.next]).toEqual([['a', 'b'].map(utf8), utf8('c')]);
    const rest = await client.list({ start: page.next, limit: 2 }, { consistency: 'stale' });
    expect([rest.items.map(({ key }) => key), rest.next]).toEqual([[utf8('c')], undefined]);
    expect(await client.read('a', { consistency: 'stale' })).toEqual({
      value: utf8('a'),
      appliedIndex: 31,
      lagBytes: 0,
    });
    await client.close();
  });

  test('a mutation whose answer is lost is repeated with its id and applied once', async () => {
    const only = rig();
    const client = await clientOf(only);
    only.service.loseAnswers = 3;
    expect(await client.compareAndSet('k', undefined, 'v')).toBe(true);
    expect(only.service.applied).toBe(1);
    await client.close();
  });

  test('the old primary refuses or is gone: the call goes on at the new one', async () => {
    const [old, gone, next] = [rig(), rig(), rig()];
    old.service.failWith = 'NOT_PRIMARY';
    const client = await clientOf(old, gone, next);
    await gone.server.close();
    await client.put([{ key: 'k', value: 'v' }]);
    expect([old.service.applied, next.service.applied]).toEqual([0, 1]);
    await client.close();
  });

  test('a frozen primary costs one attempt, then the call goes on elsewhere', async () => {
    const [frozen, next] = [rig(), rig()];
    frozen.service.gate = new Promise(() => undefined);
    const urls = await Promise.all(
      [frozen, next].map(({ server }) => server.listen({ host: '127.0.0.1', port: 0 })),
    );
    let asked = 0;
    const client = new KvClient({
      resolve: () => Promise.resolve(new URL(urls[Math.min(asked++, 1)]!)),
      firstAttemptMs: 50,
    });
    await client.put([{ key: 'k', value: 'v' }]);
    expect(next.service.applied).toBe(1);
    await client.close();
  });

  test('a verdict is final, and giving up says whether the mutation may have happened (N3)', async () => {
    const only = rig();
    const url = new URL(await only.server.listen({ host: '127.0.0.1', port: 0 }));
    let finds = 10;
    // After a few attempts no primary is found any more, so that time runs out between attempts and not at a random point inside one.
    const resolve = (): Promise<URL> => (finds-- > 0 ? Promise.resolve(url) : new Promise(() => undefined));
    const client = new KvClient({ resolve });
    await expect(client.put([{ key: '', value: 'v' }])).rejects.toMatchObject({
      code: 'INVALID_KEY',
      status: 400,
    });
    await client.put([{ key: 'k', value: 'v' }]); // its session is open from here on
    const giveUp = async (code: KvErrorCode): Promise<unknown> => {
      only.service.failWith = code;
      finds = 3;
      return await client
        .put([{ key: 'k', value: 'v' }], { timeoutMs: 500 })
        .catch((error: unknown) => error);
    };
    for (const code of ['NOT_PRIMARY', 'NOT_APPENDED', 'OVERLOADED'] as const) {
      const error = await giveUp(code);
      expect(error).toBeInstanceOf(KvTimeoutError);
      expect(error).toMatchObject({ mayHaveHappened: false, cause: { code } });
    }
    expect(await giveUp('OUTCOME_UNKNOWN')).toMatchObject({ code: 'KV_TIMEOUT', mayHaveHappened: true });
    await client.close();
  });

  test('mutations are numbered in one session, and their results may be forgotten once they are answered', async () => {
    const only = rig();
    const client = await clientOf(only);
    await Promise.all(['a', 'b', 'c'].map((key) => client.put([{ key, value: key }])));
    await client.delete('a');
    await client.put([{ key: 'd', value: '' }], { requestId: 'job-1' });
    const sent = only.service.identities.map((one) => {
      if (one.kind === 'none') return 'nothing';
      return one.kind === 'session' ? Number(one.series) : one.requestId;
    });
    expect(new Set(sent.slice(0, 3))).toEqual(new Set([1, 2, 3]));
    expect(sent.slice(3)).toEqual([4, 'job-1']);
    expect(only.service.identities[3]).toMatchObject({ respondedTo: 3n });
    expect(only.service.sessions.size).toBe(1);
    await client.close();
    expect(only.service.sessions.size).toBe(0);
  });

  test('a session that is forgotten is replaced when nothing can have happened, and told of when something may', async () => {
    const only = rig();
    const { service } = only;
    const client = await clientOf(only);
    await client.put([{ key: 'k', value: '1' }]);
    service.sessions.clear();
    await client.put([{ key: 'k', value: '2' }]);
    expect(service.applied).toBe(2);
    service.loseAnswers = 1; // applied, and its answer lost; then the session is forgotten before the second attempt
    const write = service.write.bind(service);
    service.write = async (command, identity) => {
      try {
        return await write(command, identity);
      } finally {
        service.sessions.clear();
      }
    };
    const failure = await client.put([{ key: 'k', value: '3' }]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KvSessionLostError);
    expect(failure).toMatchObject({ mayHaveHappened: true });
    expect(service.applied).toBe(3);
    service.write = write;
    await client.put([{ key: 'k', value: '4' }]);
    expect(service.applied).toBe(4);
    await client.close();
  });

  test('a replica that names the primary sends the call there', async () => {
    const [standby, primary] = [rig(), rig()];
    const url = await primary.server.listen({ host: '127.0.0.1', port: 0 });
    standby.service.failWith = 'NOT_PRIMARY';
    standby.service.primary = new URL(url).origin;
    const client = new KvClient({
      endpoints: [await standby.server.listen({ host: '127.0.0.1', port: 0 })],
    });
    await client.put([{ key: 'k', value: 'v' }]);
    expect([standby.service.applied, primary.service.applied]).toEqual([0, 1]);
    await client.close();
  });

  test('an expiry goes in and comes out, in every form there is', async () => {
    const only = rig();
    const client = await clientOf(only);
    const moment = 9_000_000_000_000;
    await client.put([{ key: 'a', value: '1', expiresAt: moment }]);
    await client.put([
      { key: 'b', value: '2', ttlMs: 60_000 },
      { key: 'c', value: '3' },
    ]);
    expect(await client.compareAndSet('d', undefined, '4', { expiresAt: moment })).toBe(true);
    expect((await client.read('a')).expiresAt).toBe(moment);
    const { items } = await client.list({ limit: 10 });
    const found = items.map(({ key, expiresAt }) => [fromUtf8(key), expiresAt]);
    expect(found).toEqual([
      ['a', moment],
      ['b', expect.any(Number)],
      ['c', undefined],
      ['d', moment],
    ]);
    const several = await only.server.inject('/v1/kv?key=a&key=c');
    expect(several.json()).toEqual({ values: [{ value: '1', expiresAt: moment }, { value: '3' }] });
    for (const target of ['?ttlMs=0', '?ttlMs=1&expiresAt=5', '?ttlMs=9007199254740991', '?expiresAt=-1'])
      expect((await only.server.inject({ method: 'PUT', url: `/v1/kv/k${target}` })).statusCode).toBe(400);
    await client.close();
  });

  test('backups are asked for once, by URL', async () => {
    const only = rig();
    const client = await clientOf(only);
    await client.put([{ key: 'a', value: '1' }]);
    expect(await client.backup('s3://b/p')).toEqual({ changeNumber: 1, pairs: 1, bytes: 2 });
    await client.restore('s3://b/q');
    expect(only.service.backups).toEqual(['s3://b/p', 's3://b/q']);
    const empty = await only.server.inject({ method: 'POST', url: '/v1/backup', payload: { url: '' } });
    expect(empty.statusCode).toBe(400);
    await client.close();
  });

  test('a restore that may have been made is not made again; one that was not is, elsewhere', async () => {
    const [first, next] = [rig(), rig()];
    const client = await clientOf(first, next);
    first.service.restoreFrom = async (url) => {
      await first.service.backupTo(url);
      throw new KvError('OUTCOME_UNKNOWN', 'lost');
    };
    await expect(client.restore('s3://b/p')).rejects.toMatchObject({
      code: 'KV_TIMEOUT',
      mayHaveHappened: true,
      cause: { code: 'OUTCOME_UNKNOWN' },
    });
    expect([first.service.backups, next.service.backups]).toEqual([['s3://b/p'], []]);
    await client.close();
    const [standby, primary] = [rig(), rig()];
    standby.service.failWith = 'NOT_PRIMARY';
    const other = await clientOf(standby, primary);
    await other.restore('s3://b/p');
    expect(primary.service.backups).toEqual(['s3://b/p']);
    await other.close();
  });

  test('a backup may take longer than an HTTP client waits by itself', async () => {
    const only = rig();
    const client = await clientOf(only);
    const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    only.service.gate = gate.promise;
    let asked = 0;
    only.service.backupTo = async () => {
      asked++;
      begun.resolve();
      await gate.promise;
      return { changeNumber: 0, pairs: 0, bytes: 0 };
    };
    const backup = client.backup('s3://b/p');
    await begun.promise;
    undiciTimers.tick(3_000_000);
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    expect(await backup).toEqual({ changeNumber: 0, pairs: 0, bytes: 0 });
    expect(asked).toBe(1);
    await client.close();
  });

  test('a slow primary is given more time at each attempt, although a standby is asked in between', async () => {
    const [primary, standby] = [rig(), rig()];
    standby.service.failWith = 'NOT_PRIMARY';
    const urls = await Promise.all(
      [primary, standby].map(({ server }) => server.listen({ host: '127.0.0.1', port: 0 })),
    );
    standby.service.primary = new URL(urls[0]!).origin;
    const read = primary.service.read.bind(primary.service);
    primary.service.read = async (query, consistency) => {
      await systemClock.sleep(300);
      return await read(query, consistency);
    };
    const client = new KvClient({ endpoints: urls, firstAttemptMs: 50, timeoutMs: 5_000 });
    expect(await client.get('k')).toBeUndefined();
    await client.close();
  });

  test('a call ends at once when its caller aborts it', async () => {
    const only = rig();
    only.service.gate = new Promise(() => undefined);
    const client = await clientOf(only);
    const abort = new AbortController();
    const call = client.get('k', { signal: abort.signal });
    while (only.service.consistencies.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await client.close();
  });
});
