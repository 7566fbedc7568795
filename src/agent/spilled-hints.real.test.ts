/**
 * A shard of so many files that its hints are larger than the annotations of an object may be: on a real API server and a real S3 server they go to the store, a
 * second agent restores from them, and one whose object is gone restores from the backup.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startCluster, startS3Server, type Cluster, type S3Server } from '../../e2e/cluster/index.ts';
import { GROUP_VERSION, KINDS } from '../api/index.ts';
import { silentLogger, systemClock, systemRandom, utf8 } from '../base/index.ts';
import { hintsPrefix, listSlots, verifyJournal, type Journal } from '../journal/index.ts';
import { connectKube, type KubeClient } from '../kube/index.ts';
import { hintsSlots, MAX_ANNOTATION_BYTES, readSlots } from '../persistence/index.ts';
import { encodeHintsJson, parseHints } from '../recoverylog/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import { hintsObjects } from './hints-objects.ts';
import { HINTS_ANNOTATIONS } from './log-needs.ts';
import { AgentWorld } from './testing/agent-world.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLogger };
const [namespace, name] = ['default', 's'];
/** Their hints take 500 KB, and still 100 when they are packed. */
const FILES = 3000;
let cluster: Cluster;
let kube: KubeClient;
let server: S3Server;
let store: ObjectStore;

beforeAll(async () => {
  cluster = await startCluster({ images: {}, zones: ['a'] });
  const crds = join(import.meta.dirname, '..', '..', 'crds');
  expect(await cluster.kubectl(['apply', '-f', crds])).toMatchObject({ code: 0 });
  const wait = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'];
  expect(await cluster.kubectl(wait)).toMatchObject({ code: 0 });
  kube = connectKube({ ...parts, fieldManager: 'test', kubeconfig: cluster.kubeconfig });
  const { kind } = KINDS.recoveryLog;
  const spec = { storeRef: { name: 'store' }, journal: 'default/s' };
  await kube.create(KINDS.recoveryLog, {
    apiVersion: GROUP_VERSION,
    kind,
    metadata: { name, namespace },
    spec,
  });
  server = await startS3Server();
  store = openStore(server.url, { credentials: server });
}, 120_000);
afterAll(async () => {
  await store?.close();
  await server?.stop();
  await kube?.close();
  await cluster?.stop();
});

async function annotations(): Promise<Readonly<Record<string, string>>> {
  return (await kube.get(KINDS.recoveryLog, { namespace, name })).metadata.annotations ?? {};
}

/** What each slot holds. */
async function kinds(): Promise<string[]> {
  return Object.values(readSlots(HINTS_ANNOTATIONS, await annotations())).map(({ kind }) => kind);
}

test('hints of thousands of files go to the store, and a second agent restores from them', async () => {
  const journal: Journal = { store, name: 'default/s', generation: 'g1' };
  const slots = hintsSlots({
    ...parts,
    kube,
    resource: KINDS.recoveryLog,
    namespace,
    name,
    annotations: HINTS_ANNOTATIONS,
    writer: 'test',
    objects: hintsObjects({ ...parts, journal }),
  });
  const story = async (world: AgentWorld): Promise<void> => {
    const first = world.start({ hintsIntervalMs: 100, hintsRotationMs: 100 });
    first.application.beforeOpen = async ({ fs }) => {
      for (let n = 0; n < FILES; n++) {
        const file = await fs.open(`/many/${n}`, { create: true });
        await file.write(utf8(`content of ${n}`), 0);
        await file.close();
      }
    };
    world.assign(1, first);
    await first.reaches('serving');
    for (let n = 0; (await kinds()).some((kind) => kind !== 'spilled'); n++)
      await first.application.append(`${n}`);
    await first.application.append('the last line');
    const written = await first.application.lines();
    first.stop();
    expect(await first.exit).toMatchObject({ released: true });

    const all = await annotations();
    const { primary } = await slots.readAll();
    if (primary.kind !== 'value') throw new Error(`the primary slot is ${primary.kind}`);
    expect(primary.value.length).toBeGreaterThan(MAX_ANNOTATION_BYTES);
    expect(Object.values(all).join('').length).toBeLessThan(4096);
    expect(parseHints(primary.value).liveNodes.length).toBe(FILES + 1);
    expect(encodeHintsJson(parseHints(primary.value))).toEqual(primary.value);

    const second = world.start();
    world.assign(2, second);
    const { hints } = await second.reaches('serving');
    expect(hints).toEqual({ from: 'primary', passedOver: [] });
    expect(await second.application.lines()).toEqual([...written, 'term 2']);
    second.stop();
    await second.exit;

    const named = readSlots(HINTS_ANNOTATIONS, await annotations()).primary;
    await store.delete(named.kind === 'spilled' ? named.pointer.object : '-');
    const third = world.start();
    world.assign(3, third);
    const { hints: again } = await third.reaches('serving');
    expect(again).toMatchObject({
      from: 'backup-0',
      passedOver: [{ from: 'primary', code: 'STATE_CORRUPT' }],
    });
    expect(await third.application.lines()).toEqual([...written, 'term 2', 'term 3']);
    third.stop();
    await third.exit;
    expect(await kinds()).toEqual(['spilled', 'spilled', 'spilled']);

    const beside = (await store.list(hintsPrefix(journal))).objects.length;
    expect(beside).toBeGreaterThanOrEqual(3);
    for await (const object of listSlots(journal)) expect(object.kind).toBe('slot');
    expect(await verifyJournal(journal, parts)).toMatchObject({ verdict: 'clean' });
  };
  await AgentWorld.use(story, systemClock, store, slots);
}, 120_000);
