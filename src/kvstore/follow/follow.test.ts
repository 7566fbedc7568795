/**
 * Read replicas over real HTTP on loopback: the seed's slave tests (seeds.md §3.4), with the gap, the restart and the snapshot that the seed has not.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { fromUtf8, systemClock, utf8 } from '../../base/index.ts';
import { withTempDir } from '../../recoverylog/testing/index.ts';
import { KvClient } from '../client/index.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { type ChangeRecord, type SavedChanges } from '../engine/types.ts';
import { Master } from '../testing/master.ts';
import { closeReplicas, startReplica, until, type ReplicaRig } from '../testing/replica-rig.ts';

const masters: Master[] = [];
afterEach(async () => {
  await closeReplicas();
  await Promise.all(masters.splice(0).map((master) => master.stop()));
});

async function startMaster(options: Parameters<typeof Master.start>[0] = {}): Promise<Master> {
  const master = await Master.start(options);
  masters.push(master);
  return master;
}

/** The replica has all that the master has, and it is the same (I8). */
async function same(rig: ReplicaRig, master: Master): Promise<void> {
  await until(() => rig.engine.latestAppliedChangeNumber() === master.service.applied);
  expect(rig.engine.stateHash()).toBe(master.hash());
}

/** A master whose changes are gone: it was started from a snapshot. */
async function engineOf(master: Master): Promise<MemoryEngine> {
  const engine = new MemoryEngine({ clock: systemClock });
  const { chunks } = master.service.engine.lookup({ kind: 'snapshot' });
  await engine.load(chunks, new AbortController().signal);
  return engine;
}

/** Changes that were given to the engine, and how often each. */
class CountingEngine extends MemoryEngine {
  readonly numbers: number[] = [];

  override async saveChanges(changes: readonly ChangeRecord[]): Promise<SavedChanges> {
    this.numbers.push(...changes.map(({ number }) => number));
    return await super.saveChanges(changes);
  }
}

describe.each(['memory', 'sqlite'] as const)('a read replica (%s)', (kind) => {
  const inDir = (use: (dir: { readonly dir?: string }) => Promise<void>): Promise<void> =>
    kind === 'memory' ? use({}) : withTempDir((dir) => use({ dir }));

  test('has what the master has: values, expiries, deletions; and so on as they come', () =>
    inDir(async (dir) => {
      const master = await startMaster();
      master.put(['a', '1'], ['b', '2'], ['gone', 'x']);
      master.put(['later', 'v', systemClock.wallMs() + 3_600_000], ['past', 'v', 1]);
      master.delete('gone');
      const rig = await startReplica([[master.url]], dir);
      await same(rig, master);
      master.do({ kind: 'cas', key: utf8('a'), expected: utf8('1'), value: utf8('3') });
      master.do({ kind: 'cas', key: utf8('a'), expected: utf8('1'), value: utf8('4') }); // does not match
      master.delete('b');
      await same(rig, master);
      const client = new KvClient({ endpoints: [rig.url] });
      const stale = { consistency: 'stale' } as const;
      expect(fromUtf8((await client.get('a', stale))!)).toBe('3');
      for (const key of ['gone', 'past', 'b']) expect(await client.get(key, stale)).toBeUndefined();
      expect((await client.read('later', stale)).expiresAt).toBeGreaterThan(systemClock.wallMs());
      expect((await client.read('a', stale)).appliedIndex).toBe(master.service.applied);
      const keys: string[] = [];
      for await (const pair of client.iterate({ limit: 1 }, stale)) keys.push(fromUtf8(pair.key));
      expect(keys).toEqual(['a', 'later']);
      await client.close();
    }));

  test('begins with a snapshot where the changes are not kept any more, and goes on by number', () =>
    inDir(async (dir) => {
      const first = await startMaster();
      for (let n = 0; n < 50; n++) first.put([`k${n}`, String(n)]);
      const master = await startMaster({ engine: await engineOf(first) });
      const rig = await startReplica([[master.url]], dir);
      await same(rig, master);
      for (let n = 0; n < 30; n++) master.put([`k${n}`, 'new']);
      await same(rig, master);
      expect(rig.replica.figures()).toMatchObject({ snapshotsLoaded: 1, state: 'following' });
    }));
});

describe('a read replica', () => {
  test('refuses writes and linearizable reads, and names its source', async () => {
    const master = await startMaster();
    const rig = await startReplica([[master.url]]);
    await until(async () => (await rig.ready()).status === 200);
    for (const [method, path] of [
      ['PUT', '/v1/kv/k'],
      ['GET', '/v1/kv/k'],
      ['POST', '/v1/sessions'],
    ] as const) {
      const reply = await request(new URL(path, rig.url), { method });
      expect([reply.statusCode, reply.headers['holdfast-primary']]).toEqual([421, master.url.origin]);
      expect(await reply.body.json()).toMatchObject({ code: 'NOT_PRIMARY' });
    }
  });

  test('sends a client on to the primary, which knows nothing of it', async () => {
    const master = await startMaster();
    const rig = await startReplica([[master.url]]);
    await until(async () => (await rig.ready()).status === 200);
    const client = new KvClient({ endpoints: [rig.url] });
    await client.put([{ key: 'k', value: 'v' }]);
    expect(fromUtf8((await client.get('k'))!)).toBe('v');
    await same(rig, master);
    await client.close();
  });

  test('applies each change once and in order, whatever happens to its source (repl_test)', async () => {
    const master = await startMaster();
    const engine = new CountingEngine();
    const rig = await startReplica([[master.url]], { engine, maxChanges: 7 });
    for (let n = 0; n < 120; n++) {
      master.put([`k${n % 10}`, String(n)]);
      if (n % 40 === 20) {
        await master.stop();
        await master.listen();
      }
      if (n % 9 === 0) await systemClock.sleep(1);
    }
    await same(rig, master);
    expect(engine.numbers).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
  });

  test('goes on after a restart where it was, without a change applied again', () =>
    withTempDir(async (dir) => {
      const master = await startMaster();
      for (let n = 0; n < 20; n++) master.put([`k${n}`, '1']);
      const before = await startReplica([[master.url]], { dir });
      await same(before, master);
      await before.replica.close();
      for (let n = 0; n < 5; n++) master.put([`k${n}`, '2']);
      master.asked.length = 0;
      const after = await startReplica([[master.url]], { dir });
      expect(after.engine.latestAppliedChangeNumber()).toBe(20);
      await same(after, master);
      expect(master.asked[0]).toMatch(/^\/v1\/changes\?from=21&/);
      expect(after.replica.figures().snapshotsLoaded).toBe(0);
    }));

  test('that was away for longer than changes are kept loads a snapshot; what it had beside is gone', () =>
    withTempDir(async (dir) => {
      const master = await startMaster();
      master.put(['stays', '1'], ['goes', '1']);
      const before = await startReplica([[master.url]], { dir });
      await same(before, master);
      await before.replica.close();
      master.delete('goes');
      master.put(['comes', '1']);
      const other = await startMaster({ engine: await engineOf(master) });
      const after = await startReplica([[other.url]], { dir });
      await same(after, other);
      expect(after.replica.figures().snapshotsLoaded).toBe(1);
    }));

  test('keeps its old state while a snapshot is cut, and has the new one in the end', async () => {
    const first = await startMaster();
    for (let n = 0; n < 40; n++) first.put([`k${n}`, new Uint8Array(100_000).fill(n)]);
    const master = await startMaster({ engine: await engineOf(first) });
    const { service } = master;
    const read = service.read.bind(service);
    let cuts = 2;
    service.read = async (query, consistency) => {
      const result = await read(query, consistency);
      if (query.kind !== 'snapshot' || cuts-- <= 0) return result;
      const { chunks, ...stream } = result.answer as ReturnType<typeof snapshotOf>;
      return { ...result, answer: { ...stream, chunks: cut(chunks) } as never };
    };
    const engine = new MemoryEngine();
    const rig = await startReplica([[master.url]], { engine });
    await until(() => cuts < 1);
    expect(rig.engine.latestAppliedChangeNumber()).toBe(0);
    await same(rig, master);
    expect(rig.replica.figures().snapshotsLoaded).toBe(1);
  });

  test('can be followed itself', async () => {
    const master = await startMaster();
    const near = await startReplica([[master.url]]);
    const far = await startReplica([[near.url]]);
    for (let n = 0; n < 10; n++) master.put([`k${n}`, '1']);
    await same(far, master);
  });
});

function snapshotOf(engine: MemoryEngine): ReturnType<typeof engine.lookup<{ readonly kind: 'snapshot' }>> {
  return engine.lookup({ kind: 'snapshot' });
}

async function* cut(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = 5;
  for await (const chunk of chunks) {
    if (left-- === 0) throw new Error('cut on purpose');
    yield chunk;
  }
}

describe('large values on the way (LargePayloadsDuringRepl)', () => {
  test('fifty values of a mebibyte arrive by asking for fewer; small changes then bring the size back', async () => {
    const master = await startMaster();
    for (let n = 0; n < 50; n++) master.put([`k${n}`, new Uint8Array(1024 * 1024).fill(n)]);
    const rig = await startReplica([[master.url]], { maxChanges: 64 });
    await same(rig, master);
    expect(rig.replica.figures().batch).toBeLessThanOrEqual(8);
    await until(() => rig.replica.figures().batch === 64);
    const sizes = master.asked.flatMap((target) => /max=(\d+)/.exec(target)?.[1] ?? []).map(Number);
    expect(sizes.slice(0, 4)).toEqual([64, 32, 16, 8]);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
  });
});

describe('health (SlaveHealthCheck)', () => {
  test('is by the answers of a source: none yet, young, too old, young again, closed', async () => {
    const master = await startMaster();
    await master.stop();
    const rig = await startReplica([[master.url]], { health: { maxLag: 10, maxAgeMs: 300 } });
    expect(await rig.ready()).toMatchObject({
      status: 503,
      text: expect.stringContaining('no source has answered'),
    });
    await master.listen();
    await until(async () => (await rig.ready()).status === 200);
    expect((await rig.metrics.render()).match(/holdfast_kv_replica_\w+ .*/g)).toContain(
      'holdfast_kv_replica_healthy 1',
    );
    await master.stop();
    await until(async () => (await rig.ready()).text.includes('no source has answered for'));
    const live = await request(new URL('/livez', rig.url));
    expect([live.statusCode, await live.body.text()]).toEqual([200, 'ok\n']);
    await master.listen();
    await until(async () => (await rig.ready()).status === 200);
    await rig.replica.close();
    expect(rig.replica.figures().health).toMatchObject({ kind: 'unhealthy', reason: 'closed' });
  });

  test('says how far behind it is, and is not ready when that is too far', async () => {
    const master = await startMaster();
    for (let n = 0; n < 30; n++) master.put([`k${n}`, '1']);
    const { service } = master;
    const read = service.read.bind(service);
    let latest = 30 + 16;
    service.read = async (query, consistency) => {
      const result = await read(query, consistency);
      if (query.kind !== 'stats') return result;
      return { ...result, answer: { ...(result.answer as object), changeNumber: latest } as never };
    };
    const rig = await startReplica([[master.url]]);
    await until(() => rig.replica.figures().lag === 16);
    expect(await rig.ready()).toMatchObject({
      status: 503,
      text: expect.stringContaining('16 changes behind'),
    });
    latest = 30 + 8;
    await until(() => rig.replica.figures().lag === 8);
    expect((await rig.ready()).status).toBe(200);
    const stats = await request(new URL('/v1/stats', rig.url));
    expect(await stats.body.json()).toMatchObject({
      role: 'replica',
      replication: { lag: 8, healthy: true, state: 'following', source: master.url.origin },
    });
  });

  test('a master that was set back is told so, and its replica is not ready', async () => {
    const master = await startMaster();
    for (let n = 0; n < 10; n++) master.put([`k${n}`, '1']);
    const rig = await startReplica([[master.url]]);
    await same(rig, master);
    const hash = rig.engine.stateHash();
    const other = await startMaster();
    other.put(['k', 'of an earlier time']);
    master.service = other.service;
    await until(async () => (await rig.ready()).text.includes('changes that its source does not have'));
    expect(rig.engine.stateHash()).toBe(hash);
  });
});

describe('several sources (SlaveAutoConnect)', () => {
  test('when the one that is followed goes away another is found, again and again', async () => {
    const cluster = await Promise.all(Array.from({ length: 3 }, () => startMaster({ role: 'standby' })));
    const rig = await startReplica([cluster.map(({ url }) => url)]);
    let count = 0;
    for (let round = 0; round < 4; round++) {
      for (const master of cluster) master.put([`round${round}`, '1']);
      count++;
      await until(() => rig.engine.latestAppliedChangeNumber() === count);
      const { source } = rig.replica.figures();
      const followed = cluster.find(({ url }) => url.origin === source)!;
      await followed.stop();
      for (const master of cluster) master.put([`gone${round}`, '1']);
      count++;
      await until(() => rig.engine.latestAppliedChangeNumber() === count);
      expect(rig.replica.figures().source).not.toBe(source);
      await followed.listen();
    }
    expect(rig.engine.stateHash().length).toBe(64);
  });

  test('a source that is behind is left for one that is not', async () => {
    const [behind, primary] = [await startMaster({ role: 'standby' }), await startMaster()];
    for (const master of [behind, primary]) master.put(['k', '1']);
    for (let n = 0; n < 9; n++) primary.put(['k', String(n)]);
    const rig = await startReplica([[behind.url], [primary.url]]);
    await until(() => rig.engine.latestAppliedChangeNumber() === 1);
    await behind.stop();
    await same(rig, primary);
    await behind.listen(); // the preferred one is back, and behind this replica
    await until(() => behind.asked.some((target) => target.includes('from=11')));
    primary.put(['k', 'on']);
    await same(rig, primary);
    expect(rig.replica.figures().state).toBe('following');
  });
});

describe('the end', () => {
  test('of a replica comes at once, in the middle of a snapshot too, and nothing is asked afterwards', async () => {
    const first = await startMaster();
    for (let n = 0; n < 20; n++) first.put([`k${n}`, '1']);
    const master = await startMaster({ engine: await engineOf(first) });
    const { service } = master;
    const read = service.read.bind(service);
    const { promise: never } = Promise.withResolvers<never>();
    let reading = false;
    service.read = async (query, consistency) => {
      if (query.kind === 'snapshot') {
        reading = true;
        return await never;
      }
      return await read(query, consistency);
    };
    const rig = await startReplica([[master.url]]);
    await until(() => reading);
    await rig.replica.close();
    await rig.replica.close();
    const { length } = master.asked;
    await systemClock.sleep(50);
    expect(master.asked).toHaveLength(length);
    expect(rig.replica.figures().state).toBe('closed');
  });

  test('of a port that is taken is an error that names it', async () => {
    const master = await startMaster();
    await expect(startReplica([[master.url]], { port: Number(master.url.port) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
