/**
 * A read replica as a process: its engine, the loop that keeps it up to date, and the same HTTP API as every replica, with readiness by lag and age.
 *
 * It needs nothing but the HTTP API of its sources, so it can live in another cluster.
 *
 * P1  close ends in order: no new requests, no more changes, the engine's files.
 */
import { type FastifyInstance } from 'fastify';
import { assert, type Clock, type Logger, type Metrics, type Random } from '../../base/index.ts';
import { listenHttp, type Listener } from '../../service/index.ts';
import { type Engine } from '../engine/engine.ts';
import { MAX_BODY_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY } from '../http/admission.ts';
import { MAX_CHANGES } from '../http/limits.ts';
import { makeServer } from '../http/server.ts';
import { type HealthLimits } from './health.ts';
import { Replicator, type ReplicationFigures } from './replicator.ts';
import { FollowingService } from './service.ts';

/** Time between two questions while there is nothing new, ms: how old an answer may be beside the way it takes. */
const POLL_INTERVAL_MS = 500;
/** Most changes that a healthy replica is behind (seeds.md F3.28). */
const MAX_LAG = 100_000;
/** A replica is healthy as long as a source has answered within this many poll intervals (F3.28). */
const MAX_AGE_POLLS = 10;
/** Longest wait of a request, ms; a stale read waits for nothing. */
const REQUEST_DEADLINE_MS = 15_000;

export interface FollowOptions {
  /** Open, at whatever number it has; closed by close. */
  readonly engine: Engine;
  /** In order of preference: a source of a later group is followed only while those of the earlier ones fail. */
  readonly sources: readonly (readonly URL[])[];
  readonly host: string;
  readonly port: number;
  readonly pollIntervalMs?: number | undefined;
  readonly maxChanges?: number | undefined;
  readonly health?: Partial<HealthLimits> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class ReadReplica {
  /** Settles when its own files take nothing more: it shows what it has, and only a new life goes on. Never rejects. */
  readonly failed: Promise<Error>;
  readonly #options: FollowOptions;
  readonly #replicator: Replicator;
  readonly #service: FollowingService;
  #listener: Listener | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FollowOptions) {
    const pollIntervalMs = options.pollIntervalMs ?? POLL_INTERVAL_MS;
    this.#options = options;
    this.#replicator = new Replicator({
      ...options,
      pollIntervalMs,
      maxChanges: Math.min(options.maxChanges ?? MAX_CHANGES, MAX_CHANGES),
      health: {
        maxLag: options.health?.maxLag ?? MAX_LAG,
        maxAgeMs: options.health?.maxAgeMs ?? pollIntervalMs * MAX_AGE_POLLS,
      },
    });
    this.failed = this.#replicator.failed;
    this.#service = new FollowingService(options.engine, this.#replicator);
  }

  /** Listens and begins to follow. @throws what listening throws (EADDRINUSE …) */
  async start(): Promise<{ readonly port: number }> {
    assert(this.#listener === undefined, 'a read replica is started once');
    const server = makeServer({
      ...this.#options,
      service: this.#service,
      admission: { requests: MAX_REQUESTS_UNDER_WAY, bodyBytes: MAX_BODY_BYTES_UNDER_WAY },
      requestDeadlineMs: REQUEST_DEADLINE_MS,
    });
    addProbes(server, this.#replicator, this.#options.metrics);
    addGauges(this.#options.metrics, this.#replicator);
    this.#listener = await listenHttp(server, this.#options);
    this.#replicator.start();
    return { port: this.#listener.port };
  }

  figures(): ReplicationFigures {
    return this.#replicator.figures();
  }

  /** P1. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#listener?.close();
    await this.#replicator.close();
    await this.#options.engine.close();
  }
}

/** What a kubelet and a Prometheus ask; no part of the key-value contract. */
function addProbes(server: FastifyInstance, replicator: Replicator, metrics: Metrics): void {
  server.get('/livez', (_request, reply) => reply.send('ok\n'));
  server.get('/readyz', (_request, reply) => {
    const { health } = replicator.figures();
    if (health.kind === 'healthy') return reply.send('ok\n');
    return reply.code(503).send(`not ready: ${health.message}\n`);
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  );
}

/** Not known is shown as -1: no figure is made up. */
const UNKNOWN = -1;

function addGauges(metrics: Metrics, replicator: Replicator): void {
  metrics.gauge({
    name: 'holdfast_kv_replica_lag_changes',
    help: 'Changes behind the source as of its last answer; -1 before the first.',
    read: () => replicator.figures().lag ?? UNKNOWN,
  });
  metrics.gauge({
    name: 'holdfast_kv_replica_age_seconds',
    help: 'Time since the last answer of a source; -1 before the first.',
    read: () => {
      const { ageMs } = replicator.figures();
      return ageMs === undefined ? UNKNOWN : ageMs / 1000;
    },
  });
  metrics.gauge({
    name: 'holdfast_kv_replica_divergences',
    help: 'Times that a source had had other changes under the same numbers: it was set back, or is another store.',
    read: () => replicator.figures().divergences,
  });
  metrics.gauge({
    name: 'holdfast_kv_replica_healthy',
    help: '1 while lag and age are within their limits.',
    read: () => (replicator.figures().health.kind === 'healthy' ? 1 : 0),
  });
}
