/**
 * A small Drummer (seeds.md §4.5): primaries of several shards are killed, frozen for a moment or for long, replaced and moved in an order that a seed draws,
 * while clients work; then every promise is checked: nothing acknowledged is lost, no read was stale, the histories of single keys are linearizable, terms
 * only grow, and primary, standby and a replay of each log have one state. (Snapshots after every few entries: the worlds of e2e/sim/kv.)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/base/testing/index.ts';
import { runFault, type FaultName } from '../harness/faults.ts';
import { RegisterClients } from '../harness/register-clients.ts';
import { Stage } from '../harness/stage.ts';
import { sameStates } from '../harness/state-hashes.ts';

/** Another one finds other orders: HOLDFAST_SOAK_SEED. */
const SEED = Number(process.env['HOLDFAST_SOAK_SEED'] ?? 1);
const ROUNDS = 8;
/** Below and above what the operator takes for silence, ms. */
const PAUSES_MS = [300, 1500, 5000] as const;
const FAULTS: readonly (FaultName | 'pause')[] = [
  'process-killed',
  'switchover',
  'operator-and-primary',
  'pause',
  'pause',
];
const STEADY_WRITES = 20;
const RECOVERY_MS = 60_000;

let stage: Stage;
let shards: readonly string[];
const registers = new Map<string, RegisterClients>();

beforeAll(async () => {
  stage = await Stage.start();
  ({ shards } = await stage.quickstart());
  await stage.work(shards);
  const { cluster, installation } = stage;
  for (const [n, shard] of shards.entries())
    registers.set(shard, await RegisterClients.start(cluster, installation.namespace, shard, 100 * SEED + n));
}, 300_000);
afterAll(async () => {
  for (const clients of registers.values()) await clients.close();
  await stage?.stop();
});

/** Freezes a primary for a moment: it may be replaced meanwhile, or not. */
async function pause(shard: string, ms: number): Promise<void> {
  const { cluster, installation } = stage;
  const { primary } = installation.shard(shard).status!.assignment!;
  cluster.freezePod(installation.namespace, primary);
  await sleep(ms);
  cluster.thawPod(installation.namespace, primary);
  await stage.workload(shard).moreWrites(STEADY_WRITES, RECOVERY_MS);
  await installation.settled(shard, RECOVERY_MS);
}

test(`${ROUNDS} misfortunes, in the order of seed ${SEED}`, async () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const shard = random.pick(shards);
    const fault = random.pick(FAULTS);
    if (fault === 'pause') await pause(shard, random.pick(PAUSES_MS));
    else await runFault(fault, { stage, shard, say: () => {} });
  }
}, 600_000);

test('nothing that was acknowledged is lost, no read was stale, and what clients saw of single keys is linearizable', async () => {
  for (const shard of shards) {
    expect(await stage.workload(shard).finish()).toMatchObject({ lost: 0, staleReads: 0, lostExamples: [] });
    expect(await registers.get(shard)!.finish()).toEqual([]);
  }
}, 180_000);

test('terms only grow, and primary, standby and a replay of the log have one state', async () => {
  for (const shard of shards) {
    const terms = (stage.installation.shard(shard).status?.handoffs ?? []).map(({ term }) => term);
    expect(new Set(terms).size).toBe(terms.length);
    const { equal, states } = await sameStates(stage, shard);
    expect({ shard, equal, states }).toEqual({ shard, equal: true, states });
  }
}, 180_000);
