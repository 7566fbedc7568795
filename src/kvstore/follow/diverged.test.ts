/**
 * A master that is set back and written on past its read replica's number, or another store under the same address: the replica says so and has the
 * contents of the one that is there (docs/decisions/0049-histories-have-an-identity.md).
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import { silentLogger, type Logger } from '../../base/index.ts';
import { withTempDir } from '../../recoverylog/testing/index.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { chunksOf, snapshotOf } from '../engine/testing/driver.ts';
import { LocalService } from '../testing/local-service.ts';
import { Master } from '../testing/master.ts';
import { closeReplicas, startReplica, until, type ReplicaRig } from '../testing/replica-rig.ts';

const masters: Master[] = [];
const warnings: string[] = [];
const log: Logger = { ...silentLogger, warn: (line) => void warnings.push(line) };
afterEach(async () => {
  warnings.length = 0;
  await closeReplicas();
  await Promise.all(masters.splice(0).map((master) => master.stop()));
});

async function startMaster(): Promise<Master> {
  const master = await Master.start();
  masters.push(master);
  return master;
}

function fill(master: Master, count: number, value: string): void {
  for (let n = 0; n < count; n++) master.put([`k${n}`, value]);
}

async function same(rig: ReplicaRig, master: Master): Promise<void> {
  await until(() => rig.engine.stateHash() === master.hash());
}

/** Goes back to a snapshot, as a forced import does; numbers go on from there. */
async function setBack(master: Master, snapshot: Uint8Array): Promise<void> {
  const engine = new MemoryEngine();
  await engine.load(chunksOf(snapshot), new AbortController().signal);
  master.service = new LocalService({ engine });
}

const SAID = 'The source has had other changes than this replica: it was set back, or is another store.';

describe.each(['memory', 'sqlite'] as const)('a read replica (%s) whose master was set back', (kind) => {
  const inDir = (use: (dir: { readonly dir?: string }) => Promise<void>): Promise<void> =>
    kind === 'memory' ? use({}) : withTempDir((dir) => use({ dir }));

  test('and written past its number says so, is not ready until it has the contents, and goes on by number', () =>
    inDir(async (dir) => {
      const master = await startMaster();
      fill(master, 5, 'kept');
      const snapshot = await snapshotOf(master.service.engine);
      fill(master, 6, 'lost');
      const rig = await startReplica([[master.url]], { ...dir, log });
      await same(rig, master);
      await master.stop();
      await setBack(master, snapshot);
      fill(master, 9, 'new'); // beyond the replica: by numbers alone nothing is missing
      const { service } = master;
      const read = service.read.bind(service);
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      service.read = async (query, consistency) => {
        if (query.kind === 'snapshot') await gate;
        return await read(query, consistency);
      };
      await master.listen();
      await until(async () => (await rig.ready()).text.includes('other changes under the same numbers'));
      expect((await rig.ready()).status).toBe(503);
      expect(rig.replica.figures()).toMatchObject({ state: 'loading', health: { reason: 'diverged' } });
      open();
      await same(rig, master);
      await until(async () => (await rig.ready()).status === 200);
      expect(warnings).toContain(SAID);
      expect(rig.replica.figures()).toMatchObject({ divergences: 1, snapshotsLoaded: 1, state: 'following' });
      expect(await rig.metrics.render()).toContain('\nholdfast_kv_replica_divergences 1\n');
      master.put(['on', 'and on']);
      await same(rig, master);
      expect(rig.replica.figures()).toMatchObject({ divergences: 1, snapshotsLoaded: 1 });
    }));

  test('says that it is ahead while the master has fewer changes, and takes its contents once it has as many', () =>
    inDir(async (dir) => {
      const master = await startMaster();
      fill(master, 2, 'kept');
      const snapshot = await snapshotOf(master.service.engine);
      fill(master, 5, 'lost');
      const rig = await startReplica([[master.url]], { ...dir, log });
      await same(rig, master);
      await setBack(master, snapshot);
      await until(() => rig.replica.figures().state === 'ahead');
      fill(master, 5, 'new'); // as many as there were
      await same(rig, master);
      expect(rig.replica.figures()).toMatchObject({ divergences: 1, snapshotsLoaded: 1 });
    }));
});

test('a replica that was away meanwhile is told after its restart: the identity is on the disk with the contents', () =>
  withTempDir(async (dir) => {
    const master = await startMaster();
    fill(master, 5, 'kept');
    const snapshot = await snapshotOf(master.service.engine);
    fill(master, 6, 'lost');
    const before = await startReplica([[master.url]], { dir });
    await same(before, master);
    await before.replica.close();
    await setBack(master, snapshot);
    fill(master, 6, 'new');
    const after = await startReplica([[master.url]], { dir, log });
    await same(after, master);
    expect(after.replica.figures()).toMatchObject({ divergences: 1, snapshotsLoaded: 1 });
    expect(warnings).toContain(SAID);
  }));

test('a master that comes back with the same history is followed by number', async () => {
  const master = await startMaster();
  fill(master, 5, 'kept');
  const rig = await startReplica([[master.url]], { log });
  await same(rig, master);
  await setBack(master, await snapshotOf(master.service.engine));
  fill(master, 5, 'new');
  await same(rig, master);
  expect(rig.replica.figures()).toMatchObject({ divergences: 0, snapshotsLoaded: 0 });
});
