/**
 * Read replicas in tests: the real process over real sockets, polling fast.
 */
import { request } from 'undici';
import { createMetrics, silentLogger, systemClock, systemRandom, type Metrics } from '../../base/index.ts';
import { type Engine } from '../engine/engine.ts';
import { openReplicaEngine } from '../follow/open-engine.ts';
import { ReadReplica, type FollowOptions } from '../follow/process.ts';

/** Fast enough for tests, slow enough not to be a busy loop. */
const POLL_MS = 10;

export interface ReplicaRig {
  readonly replica: ReadReplica;
  readonly engine: Engine;
  readonly metrics: Metrics;
  readonly url: URL;
  /** What a kubelet is told. */
  ready(): Promise<{ readonly status: number; readonly text: string }>;
}

const running: ReadReplica[] = [];

/** @param dir of a SQLite replica; without it the replica is in memory */
export async function startReplica(
  sources: readonly (readonly URL[])[],
  options: Partial<FollowOptions> & { readonly dir?: string } = {},
): Promise<ReplicaRig> {
  const engine = options.engine ?? (await openReplicaEngine(options.dir, systemClock));
  const metrics = createMetrics();
  const replica = new ReadReplica({
    sources,
    host: '127.0.0.1',
    port: 0,
    pollIntervalMs: POLL_MS,
    health: { maxLag: 10, maxAgeMs: 2_000 },
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    metrics,
    ...options,
    engine,
  });
  running.push(replica);
  const { port } = await replica.start();
  const url = new URL(`http://127.0.0.1:${port}`);
  return {
    replica,
    engine,
    metrics,
    url,
    ready: async () => {
      const reply = await request(new URL('/readyz', url));
      return { status: reply.statusCode, text: await reply.body.text() };
    },
  };
}

/** For afterEach. */
export async function closeReplicas(): Promise<void> {
  await Promise.all(running.splice(0).map((replica) => replica.close()));
}

/** Waits for a state; one that never comes ends as the test's timeout. */
export async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await reached())) await systemClock.sleep(3);
}
