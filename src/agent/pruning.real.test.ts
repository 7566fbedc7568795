/**
 * A shard on a real S3 server whose log is compacted, pruned and really deleted from while it lives: nothing acknowledged is lost when the primary is, and
 * a pod that comes new restores through fragments and holes.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { systemClock, systemRandom } from '../base/index.ts';
import { findPlan, fragmentKey, listSlots, verifyJournal, type Journal } from '../journal/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import { AgentWorld } from './testing/agent-world.ts';

const ports = { clock: systemClock, random: systemRandom };
const LINE = 'x'.repeat(2000);
const SMALL = {
  compaction: { triggerSlots: 16, intervalMs: 300, graceMs: 400, pruneAgeMs: 0, fragmentBytes: 32_768 },
  hintsIntervalMs: 100,
  hintsRotationMs: 300,
};
let server: S3Server;
let store: ObjectStore;

beforeAll(async () => {
  server = await startS3Server();
  store = openStore(server.url, { credentials: server });
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

async function keysBelow(prefix: string): Promise<string[]> {
  const { objects } = await store.list(prefix);
  return objects.map(({ key }) => key);
}

async function slotsOf(journal: Journal): Promise<number[]> {
  const seqs: number[] = [];
  for await (const object of listSlots(journal)) if (object.kind === 'slot') seqs.push(object.seq);
  return seqs;
}

test(
  'a primary prunes and deletes; it is lost; its standby and a new pod have all that was acknowledged',
  () =>
    AgentWorld.use(
      async (world) => {
        const journal: Journal = { store, name: 'default/s', generation: 'g1' };
        const [first, second] = [world.start(SMALL), world.start(SMALL)];
        world.assign(1, first);
        await first.reaches('serving');
        await second.reaches('tailing');
        const everNamed = new Set<string>();
        let acknowledged: string[] = ['term 1'];
        for (let i = 0, done = false; !done; i++) {
          await first.application.append(`${i} ${LINE}`);
          acknowledged.push(`${i} ${LINE}`);
          if (i % 8 !== 7) continue;
          await first.application.startAnew();
          acknowledged = acknowledged.slice(-1);
          const plan = await findPlan(journal);
          plan?.index.fragments.forEach((fragment) => everNamed.add(fragmentKey(journal, fragment)));
          const prunedTo = plan?.index.pruned.at(-1)?.end ?? 0;
          done = prunedTo > 200_000;
        }
        await first.application.append('the last one');
        acknowledged.push('the last one');
        // The grace of the last deletion passes; meanwhile nothing is appended.
        let left: string[] = [];
        for (const until = systemClock.monotonicMs() + 10_000; systemClock.monotonicMs() < until;) {
          left = (await keysBelow('default/s/')).filter((key) => everNamed.has(key));
          if (left.length < everNamed.size && !(await slotsOf(journal)).includes(1)) break;
          await systemClock.sleep(100);
        }
        expect(left.length).toBeLessThan(everNamed.size); // fragments are really gone
        expect(await slotsOf(journal)).not.toContain(1); // and so are slots
        expect(await slotsOf(journal)).toContain(0); // but no FENCE

        world.store.add({ client: first.name, fault: { kind: 'drop-request' } }); // nothing of it reaches the store any more
        world.assign(2, second);
        await second.reaches('serving');
        expect(await second.application.lines()).toEqual([...acknowledged, 'term 2']);

        const third = world.start(SMALL);
        await third.reaches('tailing');
        world.assign(3, third, { from: second });
        await third.reaches('serving');
        expect(await third.application.lines()).toEqual([...acknowledged, 'term 2', 'term 3']);
        third.stop();
        expect(await third.exit).toMatchObject({ released: true });
        expect(await verifyJournal(journal, ports)).toMatchObject({ verdict: 'clean' });
      },
      systemClock,
      store,
    ),
  60_000,
);
