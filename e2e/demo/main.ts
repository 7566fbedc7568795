/**
 * The demo: a real control plane, a real S3 server and three process nodes on this machine; Holdfast installed as a user installs it; five
 * faults under load; and the proof that nothing acknowledged was lost.
 *
 *   npm run demo -- [--json FILE] [--keep]
 *
 * 1. Exit code 0 only when nothing is lost, no read was stale and every handoff completed; 130 when interrupted.
 * 2. Ctrl-C ends everything that was started, whatever is going on; so does a failure, and `--keep` waits for one of them.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { raceAbort } from '../../src/base/index.ts';
import { Stage } from '../harness/stage.ts';
import { ensureServers } from '../tools/servers.ts';
import { perform } from './performance.ts';
import { Timeline } from './timeline.ts';

const INTERRUPTED = 130;

const { values } = parseArgs({
  options: { json: { type: 'string' }, keep: { type: 'boolean', default: false } },
});
const timeline = new Timeline(process.stdout);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));

const orInterrupted = <T>(work: Promise<T>): Promise<T> => raceAbort(work, interrupt.signal);

async function setUp(): Promise<{ stage: Stage; shards: readonly string[] }> {
  timeline.act('set-up');
  const say = (text: string): void => timeline.step(text);
  const stage = await Stage.start({ ownPort: true, say, signal: interrupt.signal });
  try {
    const { shards, asWritten } = await orInterrupted(stage.quickstart());
    say(
      asWritten
        ? 'kubectl apply -f examples/quickstart'
        : `kubectl apply of examples/quickstart with another endpoint, ${stage.storeEndpoint}, since the port it names is taken`,
    );
    for (const shard of shards) say(placement(stage, shard));
    await orInterrupted(stage.work(shards));
    say('a writer and a reader a shard: every acknowledged write is recorded, every read is checked');
    return { stage, shards };
  } catch (error) {
    await stage.stop();
    throw error;
  }
}

function placement({ installation }: Stage, shard: string): string {
  const replicas = installation.shard(shard).status?.replicas ?? [];
  return `${shard}: ${replicas.map(({ pod, role }) => `${role} ${pod} on ${installation.nodeOf(pod)}`).join(', ')}`;
}

async function main(): Promise<number> {
  await ensureServers();
  const { stage, shards } = await setUp();
  try {
    const { result, passed } = await orInterrupted(perform(stage, shards, timeline));
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
    if (values.keep) {
      timeline.text(
        `\nIt goes on until Ctrl-C. In another terminal:\n  export KUBECONFIG=${stage.cluster.kubeconfig}`,
      );
      await orInterrupted(new Promise<never>(() => {})).catch(() => {}); // the interruption is what was waited for
    }
    return passed ? 0 : 1;
  } finally {
    await stage.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!interrupt.signal.aborted) console.error(error);
  process.exitCode = interrupt.signal.aborted ? INTERRUPTED : 1;
}
// Whatever still waits for a cluster that is gone must not keep the program.
process.exit();
