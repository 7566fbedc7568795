/**
 * From a pod's environment to a running agent: the real clock, store, API server and hints.
 */
import { EXIT, KINDS, lastWords, parseRecoveryLog, pinsOf } from '../api/index.ts';
import { createMetrics, HeapWatch, systemClock, systemRandom, type Logger } from '../base/index.ts';
import { connectKube } from '../kube/index.ts';
import { hintsSlots } from '../persistence/index.ts';
import { openStore } from '../store/index.ts';
import type { Application } from './application.ts';
import { agentConfig } from './config.ts';
import { hintsObjects } from './hints-objects.ts';
import { runAgent } from './life.ts';
import { HINTS_ANNOTATIONS } from './log-needs.ts';
import { exitFor, explain } from './outcome.ts';
import { watchShard } from './shard-watch.ts';
import type { AgentExit } from './state.ts';

export interface StartOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly application: Application;
  readonly log: Logger;
  /** Ends the life in good order: a primary hands back. */
  readonly signal: AbortSignal;
}

/** Runs one life; resolves with the exit code of the process (EXIT of api). */
export async function startAgent({ env, application, log: root, signal }: StartOptions): Promise<number> {
  const [clock, random] = [systemClock, systemRandom];
  const heap = new HeapWatch(clock);
  heap.start();
  try {
    const config = agentConfig(env);
    const { pod, shard } = config;
    const log = root.child({ pod: pod.name, namespace: pod.namespace, shard });
    const metrics = createMetrics({ processMetrics: true });
    const store = openStore(config.storeUrl, { clock, random, log, metrics });
    const kube = connectKube({ clock, random, fieldManager: 'holdfast-agent' });
    const { namespace } = pod;
    const recoveryLog = { kube, resource: KINDS.recoveryLog, namespace, name: config.recoveryLog };
    const hints = hintsSlots({
      ...recoveryLog,
      annotations: HINTS_ANNOTATIONS,
      writer: `${pod.name}/${pod.uid}`,
      objects: hintsObjects({
        journal: { store, name: config.journal, generation: config.generation },
        clock,
        random,
        log,
      }),
      clock,
      random,
      log,
    });
    const ownLog = (aborted: AbortSignal): Promise<unknown> =>
      kube.get(KINDS.recoveryLog, { namespace, name: config.recoveryLog }, { signal: aborted });
    const exit = await runAgent(
      {
        config,
        application,
        store,
        hints,
        isInitialized: async (aborted) =>
          parseRecoveryLog(await ownLog(aborted)).status?.initialized ?? false,
        pins: async (aborted) => pinsOf(await ownLog(aborted)),
        watch: (onShard, aborted) =>
          watchShard({ kube, namespace, name: shard, clock, random, log, onShard }, aborted),
        clock,
        random,
        log,
        metrics,
      },
      signal,
    );
    await Promise.all([store.close(), kube.close()]);
    return sayEnd(log, exit);
  } catch (error) {
    const exit = exitFor(error);
    root.error('the agent cannot run', { code: exit.code, reason: exit.reason, error });
    return sayEnd(root, exit);
  } finally {
    heap.stop();
  }
}

/** Nothing is logged after this: it is what the pod's status tells (api: last-words). */
function sayEnd(log: Logger, exit: AgentExit): number {
  const { code, reason } = exit;
  log[code === EXIT.ok ? 'info' : 'error'](
    'the agent ends',
    lastWords({ code, reason, detail: explain(exit) }),
  );
  return code;
}
