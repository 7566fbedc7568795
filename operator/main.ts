/**
 * The operator process: wires API client, caches, streams, controllers and leader election together, runs them, and ends.
 *
 * M1  Every replica holds warm caches and heartbeat streams; only the leader acts (runtime/manager N1).
 * M2  On the signal: work under way is finished, the lease released, events flushed, then the process ends with 0.
 * M3  Anything else that ends it ends it with EXIT.internal, at once: its successor starts clean.
 */
import { EXIT, KINDS, LABELS } from '../src/api/index.ts';
import {
  createMetrics,
  ensureError,
  systemClock,
  systemRandom,
  toHex,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../src/base/index.ts';
import {
  connectKube,
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type Resource,
  type Selection,
} from '../src/kube/index.ts';
import { makeCaches, type Cache } from './controllers/caches.ts';
import { EventRecorder } from './controllers/events.ts';
import { logController } from './controllers/log/controller.ts';
import { FIELD_MANAGER, type ControllerPorts } from './controllers/ports.ts';
import { shardController } from './controllers/shard/controller.ts';
import { ShardMemories } from './controllers/shard/memory.ts';
import { HeartbeatStreams, type StreamsOptions } from './controllers/shard/streams.ts';
import type { StoreOpener } from './controllers/secrets.ts';
import { storeController } from './controllers/store/controller.ts';
import { startHealthServer } from './health.ts';
import { leaseStore, listWatch } from './kube/index.ts';
import { operatorSettings, type OperatorOptions, type OperatorSettings } from './options.ts';
import { EventLoopMonitor, LeaderElector, Manager, Reflector, type ManagerEnd } from './runtime/index.ts';

export type { OperatorOptions } from './options.ts';

export interface OperatorContext {
  /** Ends the operator in good order (M2). */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}

/** What an operator is made of besides its settings; the simulator brings its own. */
export interface OperatorParts {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly connect?: StreamsOptions['connect'];
  readonly openStore?: StoreOpener['open'];
}

/** Time for closing connections; more would only delay the successor. */
const CLOSE_MS = 500;

/** Runs an operator until the signal aborts or it has to end; resolves with the exit code. */
export async function runOperator(options: OperatorOptions, context: OperatorContext): Promise<number> {
  const { signal, env, log } = context;
  let settings: OperatorSettings;
  try {
    settings = operatorSettings(options, env);
  } catch (thrown) {
    log.error('the operator cannot start', { error: ensureError(thrown) });
    return EXIT.configuration;
  }
  const kube = connectKube({ clock: systemClock, random: systemRandom, fieldManager: FIELD_MANAGER });
  const metrics = createMetrics({ processMetrics: true });
  const manager = assemble(settings, { kube, clock: systemClock, random: systemRandom, log, metrics });
  const { pod, httpPort } = settings;
  const server = await startHealthServer({
    host: pod.ip,
    port: httpPort,
    liveness: () => manager.liveness(),
    readiness: () => manager.readiness(),
    metrics,
    log,
  });
  log.info('operator starts', { image: settings.image, lease: settings.leaseName, pod: pod.name });
  const end = await manager.run(signal);
  server.close();
  server.closeAllConnections();
  await Promise.race([kube.close(), systemClock.sleep(CLOSE_MS)]); // nothing that hangs keeps a lost leader alive (M3)
  return exitCode(end, log);
}

function exitCode(end: ManagerEnd, log: Logger): number {
  if (end.kind === 'stopped') {
    log.info('operator has ended', { leaseReleased: end.leaseReleased });
    return EXIT.ok;
  }
  log.error('the operator ends at once', { why: end.kind, error: end.error });
  return EXIT.internal; // M3
}

/** Everything of an operator, ready to run. */
export function assemble(settings: OperatorSettings, parts: OperatorParts): Manager {
  const { kube, clock, random, log, metrics } = parts;
  const { watchNamespace: namespace, pod } = settings;
  const caches = makeCaches({ clock, log, metrics });
  const reflector = (cache: Cache, resource: Resource, selection: Selection): Reflector<KubeObject> =>
    new Reflector({ source: listWatch(kube, resource, selection), cache, clock, random, log, metrics });
  const events = new EventRecorder({ kube, clock, random, log, metrics, instance: pod.name });
  const ports: ControllerPorts = { kube, caches, events, clock, random, log, metrics };
  const streams = new HeartbeatStreams({ ...parts, pods: caches.pods });
  const memories = new ShardMemories(clock);
  memories.follow(caches);
  const elector = new LeaderElector({
    lease: leaseStore(kube, { namespace: pod.namespace, name: settings.leaseName }),
    identity: `${pod.name}_${toHex(random.bytes(4))}`,
    clock,
    random,
    log,
    metrics,
    timing: settings,
  });
  const loop = new EventLoopMonitor({ clock, metrics });
  const manager = new Manager({ clock, log, elector, loop });
  const eyesight = (): { loopLate: boolean; loopLagMs: number; cachesBehindMs: number } => {
    const { late, worstMs } = loop.report();
    return { loopLate: late, loopLagMs: worstMs, cachesBehindMs: manager.cachesBehindMs() };
  };
  const { image, imagePullPolicy } = settings;
  const leading = (): boolean => elector.isLeader();
  return manager
    .addCache(
      reflector(caches.shards, KINDS.shard, { namespace }),
      reflector(caches.logs, KINDS.recoveryLog, { namespace }),
      reflector(caches.stores, KINDS.journalStore, { namespace }),
      reflector(caches.pods, RESOURCES.pod, { namespace, labelSelector: LABELS.shard }),
      reflector(caches.nodes, RESOURCES.node, {}),
    )
    .addWarm(streams, events)
    .addElected(
      storeController({ ports, open: parts.openStore }),
      logController({ ports, open: parts.openStore }),
      shardController({ ports, streams, memories, eyesight, image: { image, imagePullPolicy }, leading }),
    );
}
