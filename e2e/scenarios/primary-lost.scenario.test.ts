/**
 * A primary is lost in every way that the promise names (DESIGN §1), while clients write and read; then everything is read back.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KvClient } from '../../src/kvstore/client/index.ts';
import { chooseShard, FAULTS, runFault, STORY } from '../harness/faults.ts';
import { KV_CASES, runCases } from '../harness/kv-cases.ts';
import { PrimaryFinder } from '../harness/primary-finder.ts';
import { RegisterClients } from '../harness/register-clients.ts';
import { Stage } from '../harness/stage.ts';
import { sameStates } from '../harness/state-hashes.ts';

let stage: Stage;
let shards: readonly string[];
/** More clients, whose histories must be linearizable; by shard. */
const registers = new Map<string, RegisterClients>();
/** A client that has run the cases of the service, and whether they hold. */
let kv: KvClient;
let finder: PrimaryFinder;
let casesHold: (later: KvClient) => Promise<void>;

beforeAll(async () => {
  stage = await Stage.start();
  ({ shards } = await stage.quickstart());
  await stage.work(shards);
  const { cluster, installation } = stage;
  for (const [n, shard] of shards.entries())
    registers.set(shard, await RegisterClients.start(cluster, installation.namespace, shard, n + 1));
  finder = await PrimaryFinder.start(cluster, installation.namespace, shards[0]!);
  kv = new KvClient({ resolve: (signal) => finder.url(signal) });
  casesHold = await runCases(
    kv,
    KV_CASES.filter(({ whileRemembered }) => !whileRemembered),
  );
}, 300_000);
afterAll(async () => {
  await kv?.close();
  finder?.stop();
  for (const clients of registers.values()) await clients.close();
  await stage?.stop();
});

test.each(FAULTS.map((fault, at) => [STORY[fault], fault, at] as const))(
  '%s: a successor serves, and the handoff is on record with every step',
  async (_story, fault, at) => {
    const shard = await chooseShard(fault, stage, shards[at % shards.length]!);
    const said: string[] = [];
    const before = stage.installation.shard(shard).status!.assignment!;
    const report = await runFault(fault, { stage, shard, say: (text) => said.push(text) });
    expect(report.handoff).toMatchObject({
      outcome: 'Completed',
      fromPod: before.primary,
      evidence: expect.stringContaining(before.primary),
    });
    expect(report.handoff.toPod).not.toBe(before.primary);
    expect(Object.entries(report).filter(([, value]) => value === null)).toEqual([]);
    const described = await stage.installation.describe(shard);
    expect(described).toContain(report.handoff.toPod);
    expect(described).toMatch(/^Events:/m);
    if (fault === 'primary-frozen') expect(said.join('\n')).toContain('the zombie refused the read');
  },
  120_000,
);

test('nothing that was acknowledged is lost, no read was stale, and no handoff is left unfinished', async () => {
  for (const shard of shards) {
    const verdict = await stage.workload(shard).finish();
    expect(verdict).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
    expect(verdict.acknowledged).toBeGreaterThan(100);
    expect(verdict.reads).toBeGreaterThan(20);
    const handoffs = stage.installation.shard(shard).status?.handoffs ?? [];
    expect(handoffs.filter(({ outcome }) => outcome !== 'Completed')).toEqual([]);
  }
}, 60_000);

test('what the cases of the service left before all this holds of the successor of its successors', async () => {
  await casesHold(kv);
}, 60_000);

test('what clients saw of single keys, through every failover, is linearizable', async () => {
  for (const clients of registers.values()) {
    expect(await clients.finish()).toEqual([]);
    expect(clients.history.counts.answered).toBeGreaterThan(200);
  }
}, 120_000);

test('in the end primary, standby and a replay of the log have the same state', async () => {
  for (const shard of shards) {
    const { equal, states } = await sameStates(stage, shard);
    expect({ shard, equal, states }).toEqual({ shard, equal: true, states });
  }
}, 120_000);
