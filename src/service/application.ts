/**
 * Any state machine as an application of the agent: which role this replica has, and what it answers in it.
 *
 *   listening -> following -> opening -> serving -> draining -> ended | closed       (any state may go to ended or closed)
 *
 * A1  Proposals are taken while serving only. One that was taken is answered by what the log says of it, also after the role has changed.
 * A2  A linearizable read is answered only if the read index was confirmed after it arrived and this replica still serves when the answer is
 *     computed; the answer is computed after that, from applied entries (s3log.md §6.4c L0-L4).
 * A3  Once the session has ended, or the runtime has halted, nothing is answered from its state any more, stale reads included.
 * A4  Every wait ends: by its caller's signal, or by close.
 */
import { assert, ensureError, HoldfastError, isAbortOf, raceAbort } from '../base/index.ts';
import type { SessionEnd } from '../journal/index.ts';
import type { LiveDirectory } from '../recoverylog/index.ts';
import type { ProposedCommand, Result, StateMachine, Told } from '../statemachine/index.ts';
import {
  answerTooLate,
  lookupFailure,
  notPrimary,
  proposalFailure,
  readFailure,
  ServiceError,
} from './errors.ts';
import { MachineReplicas, type ReplicaOptions } from './machine-replicas.ts';
import type {
  FollowedReplica,
  OpenPrimary,
  PrimaryReplica,
  ProposalIdentity,
  ReplicaFactory,
} from './replica.ts';
import type {
  Consistency,
  Listener,
  ReadResult,
  Serve,
  Service,
  ServiceContext,
  ServiceStatus,
} from './service.ts';

/** What the agent gives to a primary. */
export interface ServicePrimary extends OpenPrimary {
  /** Resolves once a read that arrived before the call may be answered. */
  readIndex(signal?: AbortSignal): Promise<void>;
  /** Settles when the right to append has ended; never rejects. */
  readonly ended: Promise<SessionEnd>;
}

export interface MachineApplicationOptions<Query, Answer, View> extends ReplicaOptions {
  /** In its initial state; the application owns it from here on. */
  readonly machine: StateMachine<Query, Answer | Promise<Answer>, View>;
  readonly serve: Serve<Query, Answer>;
}

/** An application for the agent: `machine`, kept by the shard's log, behind what `serve` listens for. */
export function machineApplication<Query, Answer, View>({
  machine,
  serve,
  ...options
}: MachineApplicationOptions<Query, Answer, View>): ServiceApplication<Query, Answer> {
  return new ServiceApplication({
    serve,
    replicas: (context) => new MachineReplicas<Query, Answer, View>(machine, { ...context, ...options }),
  });
}

export interface ServiceApplicationOptions<Query, Answer> {
  readonly replicas: (context: ServiceContext) => ReplicaFactory<Query, Answer>;
  readonly serve: Serve<Query, Answer>;
}

type Role<Query, Answer> =
  | { readonly kind: 'listening' }
  | { readonly kind: 'following'; readonly followed: FollowedReplica<Query, Answer> }
  | { readonly kind: 'opening'; readonly followed: FollowedReplica<Query, Answer> | undefined }
  | {
      readonly kind: 'serving' | 'draining';
      readonly replica: PrimaryReplica<Query, Answer>;
      readonly primary: ServicePrimary;
    }
  | {
      readonly kind: 'ended';
      readonly why: string;
      readonly replica: Replica<Query, Answer> | undefined;
    }
  | { readonly kind: 'closed' };

type Replica<Query, Answer> = PrimaryReplica<Query, Answer> | FollowedReplica<Query, Answer>;

interface Parts<Query, Answer> {
  readonly context: ServiceContext;
  readonly factory: ReplicaFactory<Query, Answer>;
}

export class ServiceApplication<Query, Answer> implements Service<Query, Answer> {
  /** Settles when the application can answer nothing any more, because its state is damaged or its machine has stopped; never rejects. */
  readonly failed: Promise<HoldfastError>;
  readonly #fail: (error: HoldfastError) => void;
  readonly #options: ServiceApplicationOptions<Query, Answer>;
  #role: Role<Query, Answer> = { kind: 'listening' };
  #parts: Parts<Query, Answer> | undefined;
  #listening: Promise<Listener> | undefined;
  /** Proposals handed to the runtime and not answered yet; drain waits for them. */
  readonly #proposals = new Set<Promise<unknown>>();
  /** Of everybody who waits; close calls them (A4). A set, because a signal's listeners would be searched for each one that leaves. */
  readonly #waiting = new Set<(reason: HoldfastError) => void>();
  #closing: Promise<void> | undefined;
  #lastIndex = 0;

  constructor(options: ServiceApplicationOptions<Query, Answer>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<HoldfastError>();
    this.failed = promise;
    this.#fail = resolve;
  }

  /** Listens; answers NOT_PRIMARY until follow or open. @throws what listening throws (EADDRINUSE …) */
  async start(context: ServiceContext): Promise<{ readonly port: number }> {
    assert(this.#parts === undefined, 'the application is started once');
    this.#parts = { context, factory: this.#options.replicas(context) };
    this.#listening = this.#options.serve(this, context);
    const { port } = await this.#listening;
    return { port };
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
  async open(primary: ServicePrimary): Promise<void> {
    const before = this.#role;
    assert(before.kind === 'listening' || before.kind === 'following', 'a replica is opened once', {
      role: before.kind,
    });
    const followed = before.kind === 'following' ? before.followed : undefined;
    this.#role = { kind: 'opening', followed };
    let replica: PrimaryReplica<Query, Answer>;
    try {
      replica = await this.#started().factory.open(primary, followed);
    } catch (error) {
      this.#end('its state could not be opened', followed); // the caller is told why
      throw error;
    }
    if (this.#role.kind !== 'opening') return await replica.close(); // closed meanwhile
    this.#role = { kind: 'serving', replica, primary };
    // Neither promise rejects.
    void primary.ended.then((end) => this.#endOf(replica, `its right to the log has ended (${end.kind})`));
    void replica.halted.then((error) => this.#endOf(replica, 'its state machine has stopped', error));
  }

  /** Makes a snapshot, which makes recovery shorter. @throws ServiceError NOT_PRIMARY, or what the snapshot throws */
  async checkpoint(signal?: AbortSignal): Promise<void> {
    const replica = primaryOf(this.#role);
    if (!replica) throw notPrimary(`it is ${this.#role.kind}`);
    await replica.checkpoint(signal);
  }

  /** Turns new proposals away and resolves when those under way are answered and the state is ready to be taken over; reads go on. @throws the signal's reason, what the state's drain throws */
  async drain(signal?: AbortSignal): Promise<void> {
    if (this.#role.kind === 'serving') this.#role = { ...this.#role, kind: 'draining' };
    await raceAbort(Promise.allSettled(this.#proposals), signal);
    if (this.#role.kind === 'draining') await this.#role.replica.drain(signal);
  }

  /** Stops whatever is under way. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  status(): ServiceStatus {
    const replica = replicaOf(this.#role);
    if (replica) this.#lastIndex = replica.appliedIndex;
    return { role: this.#role.kind, appliedIndex: this.#lastIndex };
  }

  propose(cmd: Uint8Array, identity: ProposalIdentity, signal?: AbortSignal): Promise<Result> {
    return this.#proposal((replica) => replica.propose(cmd, identity), signal);
  }

  proposeAll(commands: readonly ProposedCommand[], told: Told, signal?: AbortSignal): Promise<void> {
    const translated: Told = (n, outcome) =>
      told(n, outcome instanceof Error ? proposalFailure(outcome) : outcome);
    return this.#proposal((replica) => replica.proposeAll(commands, translated), signal);
  }

  registerSession(signal?: AbortSignal): Promise<bigint> {
    return this.#proposal((replica) => replica.registerSession(), signal);
  }

  async unregisterSession(clientId: bigint, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#proposal((replica) => replica.unregisterSession(clientId), signal);
      return true;
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'SESSION_UNKNOWN') return false;
      throw error;
    }
  }

  async read(query: Query, consistency: Consistency, signal?: AbortSignal): Promise<ReadResult<Answer>> {
    const linearizable = consistency === 'linearizable';
    if (linearizable) await this.#confirm(signal);
    const role = this.#role;
    const replica = linearizable ? primaryOf(role) : replicaOf(role);
    if (!replica) throw notPrimary(reasonOf(role)); // A2, A3
    const { appliedIndex } = replica; // the answer reflects this much at least
    const found = this.#lookUp(replica, query);
    const answer = found instanceof Promise ? await this.#stillHere(found, replica, signal) : found;
    const lagBytes = primaryOf(role) ? 0 : this.#started().context.lag()?.bytes;
    return { answer, appliedIndex, lagBytes };
  }

  async stateHash(): Promise<string> {
    const replica = replicaOf(this.#role);
    if (!replica) throw notPrimary(reasonOf(this.#role));
    return await this.#stillHere(Promise.resolve(replica.stateHash()), replica, undefined);
  }

  /** A1 */
  async #proposal<T>(
    ask: (replica: PrimaryReplica<Query, Answer>) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const role = this.#role;
    if (role.kind !== 'serving') throw notPrimary(reasonOf(role));
    try {
      return await this.#race(this.#remember(ask(role.replica)), signal);
    } catch (error) {
      throw proposalFailure(error);
    }
  }

  /** Remembers a proposal until it is settled, for drain. */
  #remember<T>(proposed: Promise<T>): Promise<T> {
    const forget = (): void => void this.#proposals.delete(proposed);
    void proposed.then(forget, forget); // the outcome itself is the caller's to take
    this.#proposals.add(proposed);
    return proposed;
  }

  #lookUp(replica: Replica<Query, Answer>, query: Query): Answer | Promise<Answer> {
    try {
      return replica.lookup(query);
    } catch (error) {
      throw lookupFailure(error);
    }
  }

  /** Waits until a read that has arrived may be answered (A2). */
  async #confirm(signal: AbortSignal | undefined): Promise<void> {
    const role = this.#role;
    if (role.kind !== 'serving' && role.kind !== 'draining') throw notPrimary(reasonOf(role));
    try {
      await this.#race(role.primary.readIndex(signal), signal);
    } catch (error) {
      if (primaryOf(this.#role) === undefined) throw notPrimary(reasonOf(this.#role));
      throw readFailure(error);
    }
  }

  /** An answer that takes time is given only if the replica it comes from still answers when it is there (A2, A3). */
  async #stillHere<T>(
    found: Promise<T>,
    replica: Replica<Query, Answer>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const isHere = (): boolean => replicaOf(this.#role) === replica;
    let answer: T;
    try {
      answer = await this.#race(found, signal);
    } catch (error) {
      if (!isHere()) throw notPrimary(reasonOf(this.#role));
      throw isAbortOf(signal, error) ? answerTooLate(error) : lookupFailure(error);
    }
    if (!isHere()) throw notPrimary(reasonOf(this.#role));
    return answer;
  }

  /** Awaits `work` until the caller's signal or the end of the application (A4). */
  async #race<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.add(reject);
    work.then(resolve, reject);
    try {
      return await raceAbort(promise, signal);
    } finally {
      this.#waiting.delete(reject);
    }
  }

  /** The end of a primary: from here on its state answers nothing (A3). */
  #endOf(replica: PrimaryReplica<Query, Answer>, why: string, error?: HoldfastError): void {
    if (primaryOf(this.#role) === replica) this.#end(why, replica, error);
  }

  #end(why: string, replica: Replica<Query, Answer> | undefined, error?: HoldfastError): void {
    if (this.#role.kind === 'closed') return;
    const { log } = this.#started().context;
    log.warn('The service answers no more.', { why, ...(error === undefined ? {} : { error }) });
    this.#role = { kind: 'ended', why, replica };
    if (error !== undefined) this.#fail(error);
  }

  async #close(): Promise<void> {
    const role = this.#role;
    this.#role = { kind: 'closed' };
    const closed = new HoldfastError('SERVICE_CLOSED', 'The service is closing.');
    for (const leave of this.#waiting) leave(closed);
    const replica = role.kind === 'ended' ? role.replica : replicaOf(role);
    const listener = await this.#listening?.catch(ensureError); // whoever started it is told
    if (listener && !(listener instanceof Error)) await listener.close();
    if (role.kind === 'opening') await role.followed?.close();
    await replica?.close();
  }

  #started(): Parts<Query, Answer> {
    const parts = this.#parts;
    assert(parts !== undefined, 'the application is started first');
    return parts;
  }
}

function primaryOf<Query, Answer>(role: Role<Query, Answer>): PrimaryReplica<Query, Answer> | undefined {
  return role.kind === 'serving' || role.kind === 'draining' ? role.replica : undefined;
}

/** The replica that stale reads are answered from. */
function replicaOf<Query, Answer>(role: Role<Query, Answer>): Replica<Query, Answer> | undefined {
  return role.kind === 'following' ? role.followed : primaryOf(role);
}

function reasonOf<Query, Answer>(role: Role<Query, Answer>): string {
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
