/**
 * I7 on a cluster: the state of a shard's primary, of its standbys, and of a replay of its log are the same. Asked when nobody writes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PORTS } from '../../src/api/index.ts';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import type { Journal } from '../../src/journal/index.ts';
import { MemoryEngine } from '../../src/kvstore/testing/index.ts';
import { Player } from '../../src/recoverylog/index.ts';
import { Follower } from '../../src/statemachine/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { Stage } from './stage.ts';

/** Longest time until the standbys have followed, ms. */
const CATCH_UP_MS = 30_000;
const ASK_MS = 5_000;
/** A primary and a standby at least, or there is nothing to compare. */
const LEAST_REPLICAS = 2;

/** Who has which state: all values are equal, or it never came to that. */
export interface StatesSeen {
  readonly equal: boolean;
  readonly states: Readonly<Record<string, string>>;
}

/** Waits until all replicas of a shard of the key-value service show one state, then replays its log and compares. */
export async function sameStates(stage: Stage, shard: string): Promise<StatesSeen> {
  let states: Record<string, string> = {};
  const isSame = async (): Promise<boolean> => {
    states = await statesOf(stage, shard);
    return Object.keys(states).length >= LEAST_REPLICAS && new Set(Object.values(states)).size === 1;
  };
  try {
    await stage.until(`one state of ${shard}`, isSame, CATCH_UP_MS);
  } catch {
    return { equal: false, states }; // the caller tells what was seen
  }
  states['a replay of the log'] = await replayed(stage, shard);
  return { equal: new Set(Object.values(states)).size === 1, states };
}

/** What each replica shows, by its pod; those that do not answer are left out. */
async function statesOf({ cluster, installation }: Stage, shard: string): Promise<Record<string, string>> {
  const states: Record<string, string> = {};
  for (const { pod } of installation.shard(shard).status?.replicas ?? []) {
    const place = cluster
      .pods()
      .find(({ namespace, name }) => namespace === installation.namespace && name === pod);
    if (!place) continue;
    const url = `http://${cluster.dialAddress(place.podIP)}:${PORTS.agent}/v1/state-hash`;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) });
      if (answer.ok) states[pod] = (await answer.text()).trim();
    } catch {
      continue; // it is coming or going; whoever waits asks again
    }
  }
  return states;
}

interface RecoveryLogObject {
  readonly spec: { readonly journal: string };
  readonly status?: { readonly generation?: string };
}

async function journalOf({ cluster, installation, store }: Stage, shard: string): Promise<Journal> {
  const path = `/apis/holdfast.dev/v1alpha1/namespaces/${installation.namespace}/recoverylogs/${shard}`;
  const { spec, status } = await cluster.api.get<RecoveryLogObject>(path);
  const opened = openStore(store.url, { credentials: store });
  return { store: opened, name: spec.journal, generation: status!.generation! };
}

/** The state of a replica that has nothing but the log. */
async function replayed(stage: Stage, shard: string): Promise<string> {
  const journal = await journalOf(stage, shard);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-replay-'));
  const clock = systemClock;
  try {
    const player = new Player({
      journal,
      hints: undefined,
      expectHistory: true,
      dir,
      clock,
      random: systemRandom,
    });
    const follower = Follower.start({ machine: new MemoryEngine({ clock }), live: player.live, clock });
    player.run().catch(() => undefined); // finish tells
    await player.finish();
    const { state } = await follower.finish();
    return await state!.stateHash();
  } finally {
    await journal.store.close();
    await rm(dir, { recursive: true, force: true });
  }
}
