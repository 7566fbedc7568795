/**
 * The key-value service as an application of the agent: which role this replica has, and what it answers in it.
 *
 *   listening -> following -> opening -> serving -> draining -> ended | closed       (any state may go to ended or closed)
 *
 * A1  Writes are taken while serving only. One that was taken is answered by what the log says of it, also after the role has changed.
 * A2  A linearizable read is answered only if the read index was confirmed after it arrived and this replica still serves when the answer is
 *     computed; the answer is computed after that, in one go, from applied entries (s3log.md §6.4c L0-L4).
 * A3  Once the session has ended, or the runtime has halted, nothing is answered from its state any more, stale reads included.
 * A4  Every wait ends: by its request's deadline, or by close.
 */
import { type FastifyInstance } from 'fastify';
import {
  assert,
  ensureError,
  equalBytes,
  HoldfastError,
  raceAbort,
  type Clock,
  type GaugeMetric,
  type Logger,
  type Metrics,
  type Random,
} from '../base/index.ts';
import { type SessionEnd } from '../journal/index.ts';
import { type LiveDirectory } from '../recoverylog/index.ts';
import { type Result } from '../statemachine/index.ts';
import { commandDigest, encodeCommand, type Command } from './command.ts';
import { KvError, notPrimary } from './errors.ts';
import { readFailure, writeFailure } from './failures.ts';
import { MAX_BODY_BYTES_UNDER_WAY, MAX_REQUESTS_UNDER_WAY, type AdmissionLimits } from './http/admission.ts';
import { makeServer } from './http/server.ts';
import {
  type FollowedReplica,
  type OpenPrimary,
  type PrimaryReplica,
  type ReplicaFactory,
} from './replica.ts';
import {
  type Consistency,
  type KvService,
  type Query,
  type QueryAnswer,
  type ReadResult,
} from './service.ts';

/** Longest wait of a request for the log, ms: past a slow store's worst put, below the patience of common clients. */
const REQUEST_DEADLINE_MS = 15_000;
/** How long close lets answers go out before it cuts connections, ms. */
const CLOSE_GRACE_MS = 1_000;

export interface KvContext {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes of log not yet applied here, as far as known. */
  lag(): { readonly bytes: number; readonly sinceMs: number } | undefined;
}

export interface KvPrimaryContext extends OpenPrimary {
  /** Resolves once a read that arrived before the call may be answered. */
  readIndex(signal?: AbortSignal): Promise<void>;
  /** Settles when the right to append has ended; never rejects. */
  readonly ended: Promise<SessionEnd>;
}

export interface KvApplicationOptions {
  readonly replicas: (context: KvContext) => ReplicaFactory;
  readonly admission?: AdmissionLimits;
  readonly requestDeadlineMs?: number;
}

type Role =
  | { readonly kind: 'listening' }
  | { readonly kind: 'following'; readonly followed: FollowedReplica }
  | { readonly kind: 'opening'; readonly followed: FollowedReplica | undefined }
  | {
      readonly kind: 'serving' | 'draining';
      readonly replica: PrimaryReplica;
      readonly context: KvPrimaryContext;
    }
  | {
      readonly kind: 'ended';
      readonly why: string;
      readonly replica: PrimaryReplica | FollowedReplica | undefined;
    }
  | { readonly kind: 'closed' };

interface Parts {
  readonly context: KvContext;
  readonly server: FastifyInstance;
  readonly factory: ReplicaFactory;
}

export class KvApplication implements KvService {
  /** Settles when the application can answer nothing any more, because its state is damaged or its machine has stopped; never rejects. */
  readonly failed: Promise<HoldfastError>;
  readonly #fail: (error: HoldfastError) => void;
  readonly #options: KvApplicationOptions;
  #role: Role = { kind: 'listening' };
  #parts: Parts | undefined;
  #gauges: { readonly keys: GaugeMetric; readonly bytes: GaugeMetric } | undefined;
  /** Writes handed to the runtime and not answered yet; drain waits for them. */
  readonly #writes = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();
  #closing: Promise<void> | undefined;
  #lastIndex = 0;

  constructor(options: KvApplicationOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.failed = promise;
    this.#fail = resolve;
  }

  /** Listens; answers NOT_PRIMARY until follow or open. @throws what listening throws (EADDRINUSE …) */
  async start(context: KvContext): Promise<{ readonly port: number }> {
    assert(this.#parts === undefined, 'the application is started once');
    const server = makeServer({
      ...context,
      service: this,
      admission: this.#options.admission ?? {
        requests: MAX_REQUESTS_UNDER_WAY,
        bodyBytes: MAX_BODY_BYTES_UNDER_WAY,
      },
      requestDeadlineMs: this.#options.requestDeadlineMs ?? REQUEST_DEADLINE_MS,
    });
    this.#parts = { context, server, factory: this.#options.replicas(context) };
    this.#gauges = {
      keys: context.metrics.gauge({ name: 'holdfast_kv_keys', help: 'Keys held by this replica.' }),
      bytes: context.metrics.gauge({
        name: 'holdfast_kv_data_bytes',
        help: 'Bytes of keys and values held by this replica.',
      }),
    };
    await server.listen({ host: context.host, port: context.port });
    const address = server.server.address();
    assert(typeof address === 'object' && address !== null, 'a listening server has an address');
    return { port: address.port };
  }

  /** Serves stale reads from the files that the player writes. */
  async follow(live: LiveDirectory): Promise<void> {
    assert(this.#role.kind === 'listening', 'a replica begins to follow once', { role: this.#role.kind });
    const followed = await this.#started().factory.follow(live);
    if (this.#role.kind !== 'listening') return await followed.close(); // closed meanwhile
    this.#role = { kind: 'following', followed };
    // `failed` never rejects.
    void followed.failed.then((error) => {
      if (this.#role.kind === 'following' && this.#role.followed === followed)
        this.#end('the files it follows are damaged', followed, error);
    });
  }

  /** Takes over and serves. @throws what opening the state throws; the application then answers nothing any more */
  async open(primary: KvPrimaryContext): Promise<void> {
    const before = this.#role;
    assert(before.kind === 'listening' || before.kind === 'following', 'a replica is opened once', {
      role: before.kind,
    });
    const followed = before.kind === 'following' ? before.followed : undefined;
    this.#role = { kind: 'opening', followed };
    let replica: PrimaryReplica;
    try {
      replica = await this.#started().factory.open(primary, followed);
    } catch (error) {
      this.#end('its state could not be opened', followed); // the caller is told why
      throw error;
    }
    if (this.#role.kind !== 'opening') return await replica.close(); // closed meanwhile
    this.#role = { kind: 'serving', replica, context: primary };
    // Neither promise rejects.
    void primary.ended.then((end) => this.#endOf(replica, `its right to the log has ended (${end.kind})`));
    void replica.halted.then((error) => this.#endOf(replica, 'its state machine has stopped', error));
  }

  /** Makes a snapshot, which makes recovery shorter. @throws KvError NOT_PRIMARY, or what the snapshot throws */
  async checkpoint(signal?: AbortSignal): Promise<void> {
    const role = this.#role;
    if (role.kind !== 'serving' && role.kind !== 'draining') throw notPrimary(`it is ${role.kind}`);
    await role.replica.checkpoint(signal);
  }

  /** Turns new writes away and resolves when those under way are answered; reads go on. @throws the signal's reason */
  async drain(signal?: AbortSignal): Promise<void> {
    if (this.#role.kind === 'serving') this.#role = { ...this.#role, kind: 'draining' };
    await raceAbort(Promise.allSettled(this.#writes), signal);
  }

  /** Stops whatever is under way. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  status(): { readonly appliedIndex: number; readonly keys?: number } {
    const replica = replicaOf(this.#role);
    if (!replica) return { appliedIndex: this.#lastIndex };
    const { appliedIndex, keys, dataBytes } = replica.stats();
    this.#lastIndex = appliedIndex;
    this.#gauges?.keys.set(keys);
    this.#gauges?.bytes.set(dataBytes);
    return { appliedIndex, keys };
  }

  async write(command: Command, requestId: string, signal: AbortSignal): Promise<number> {
    const role = this.#role;
    if (role.kind !== 'serving') throw notPrimary(reasonOf(role)); // A1
    const cmd = encodeCommand(command, this.#started().context.clock.wallMs());
    let result: Result;
    try {
      result = await this.#race(this.#propose(role.replica, cmd, requestId), signal);
    } catch (error) {
      throw writeFailure(error);
    }
    if (equalBytes(result.data, commandDigest(cmd))) return result.value;
    throw new KvError(
      'REQUEST_ID_REUSED',
      'This request id belongs to an earlier request with other content. Nothing was done; use a new id.',
      { fields: { requestId } },
    );
  }

  async read<Q extends Query>(
    query: Q,
    consistency: Consistency,
    signal: AbortSignal,
  ): Promise<ReadResult<QueryAnswer<Q>>> {
    if (consistency === 'linearizable') await this.#confirm(signal);
    const role = this.#role;
    const replica = consistency === 'linearizable' ? primaryOf(role) : replicaOf(role);
    if (!replica) throw notPrimary(reasonOf(role)); // A2, A3
    const answer = replica.lookup(query) as QueryAnswer<Q>;
    const lagBytes = primaryOf(role) ? 0 : this.#started().context.lag()?.bytes;
    return { answer, appliedIndex: replica.stats().appliedIndex, lagBytes };
  }

  /** Proposes, and remembers it until it is settled, for drain. */
  #propose(replica: PrimaryReplica, cmd: Uint8Array, requestId: string): Promise<Result> {
    const proposed = replica.propose(cmd, requestId);
    const forget = (): void => void this.#writes.delete(proposed);
    void proposed.then(forget, forget); // the outcome itself is the caller's to take
    this.#writes.add(proposed);
    return proposed;
  }

  /** Waits until a read that has arrived may be answered (A2). */
  async #confirm(signal: AbortSignal): Promise<void> {
    const role = this.#role;
    if (role.kind !== 'serving' && role.kind !== 'draining') throw notPrimary(reasonOf(role));
    try {
      await this.#race(role.context.readIndex(signal), signal);
    } catch (error) {
      if (primaryOf(this.#role) === undefined) throw notPrimary(reasonOf(this.#role));
      throw readFailure(error);
    }
  }

  /** Awaits `work` until the request's deadline or the end of the application (A4). */
  #race<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return raceAbort(raceAbort(work, signal), this.#stop.signal);
  }

  /** The end of a primary: from here on its state answers nothing (A3). */
  #endOf(replica: PrimaryReplica, why: string, error?: HoldfastError): void {
    if (primaryOf(this.#role) === replica) this.#end(why, replica, error);
  }

  #end(why: string, replica: PrimaryReplica | FollowedReplica | undefined, error?: HoldfastError): void {
    if (this.#role.kind === 'closed') return;
    const { log } = this.#started().context;
    log.warn('The key-value service answers no more.', { why, ...(error === undefined ? {} : { error }) });
    this.#role = { kind: 'ended', why, replica };
    if (error !== undefined) this.#fail(error);
  }

  async #close(): Promise<void> {
    const role = this.#role;
    this.#role = { kind: 'closed' };
    this.#stop.abort(new HoldfastError('KV_CLOSED', 'The key-value service is closing.'));
    const replica = role.kind === 'ended' ? role.replica : replicaOf(role);
    if (this.#parts) await this.#closeServer(this.#parts.server, this.#parts.context);
    if (role.kind === 'opening') await role.followed?.close();
    await replica?.close();
  }

  async #closeServer(server: FastifyInstance, { clock, log }: KvContext): Promise<void> {
    const cut = clock.timer(CLOSE_GRACE_MS, () => server.server.closeAllConnections());
    try {
      await server.close();
    } catch (error) {
      log.warn('The HTTP server did not close cleanly.', { error: ensureError(error) });
    } finally {
      cut.cancel();
    }
  }

  #started(): Parts {
    const parts = this.#parts;
    assert(parts !== undefined, 'the application is started first');
    return parts;
  }
}

function primaryOf(role: Role): PrimaryReplica | undefined {
  return role.kind === 'serving' || role.kind === 'draining' ? role.replica : undefined;
}

/** The replica that stale reads are answered from. */
function replicaOf(role: Role): PrimaryReplica | FollowedReplica | undefined {
  return role.kind === 'following' ? role.followed : primaryOf(role);
}

function reasonOf(role: Role): string {
  switch (role.kind) {
    case 'listening':
      return 'it has no state yet';
    case 'following':
      return 'it is a standby';
    case 'opening':
      return 'it is taking over and serves in a moment';
    case 'draining':
      return 'it is handing over';
    case 'ended':
      return role.why;
    case 'serving':
      return 'it serves'; // never the reason of a refusal
    case 'closed':
      return 'it is shutting down';
    default:
      return role satisfies never;
  }
}
