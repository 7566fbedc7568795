/**
 * Any object store behind a network that fails, in any way that a test scripts or a seed draws.
 *
 * N1  A request that was sent lives on its own: no signal of its sender stops it. So an attempt that was given up may still arrive.
 * N2  All time is the clock's, all chance the Random's: under VirtualClock and a seed, a run repeats exactly.
 * N3  Several clients may share the store (`as`), each with faults of its own: a partition is a rule for one client.
 * N4  The wrapper fails as the port allows and adapters do: creates answer `undecided` or `refused`, others throw StoreError.
 */
import { raceAbort, type Clock, type Random } from '../../base/index.ts';
import { copyOf, type Body } from '../body.ts';
import { abortedError, StoreError } from '../errors.ts';
import { classify } from '../s3/classify.ts';
import type {
  CreateOutcome,
  GetCall,
  ListCall,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCall,
  StoredObject,
  Versioning,
} from '../types.ts';
import {
  FaultRules,
  type ActiveRule,
  type Fault,
  type FaultRule,
  type StoreEvent,
  type StoreOperation,
} from './faults.ts';
import { LyingStore } from './lying-store.ts';

/** How long a request and its answer travel when no fault befalls them, ms. */
export interface Latency {
  readonly requestMs: number;
  readonly responseMs: number;
}

export interface FaultyStoreOptions {
  readonly clock: Clock;
  /** Draws probabilities, faults and latencies. */
  readonly random: Random;
  readonly rules?: readonly FaultRule[];
  /** Drawn for every request; no time passes by default. */
  readonly latency?: (random: Random, operation: StoreOperation) => Latency;
  /** Sees every request as it is sent. */
  readonly trace?: (event: StoreEvent) => void;
}

/** What a request has to know to travel. */
interface Request<T> {
  readonly client: string;
  readonly operation: StoreOperation;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  /** Acts at the store. */
  act(fault: Fault | undefined): Promise<T>;
}

/** Name of the client that uses the wrapper directly. */
const DEFAULT_CLIENT = 'default';

export class FaultyStore implements ObjectStore {
  readonly url: string;
  readonly #store: LyingStore;
  readonly #options: FaultyStoreOptions;
  readonly #rules: FaultRules;
  readonly #underway = new Set<Promise<unknown>>();

  constructor(inner: ObjectStore, options: FaultyStoreOptions) {
    this.url = inner.url;
    this.#store = new LyingStore(inner, options.clock);
    this.#options = options;
    this.#rules = new FaultRules(options.random);
    for (const rule of options.rules ?? []) this.#rules.add(rule);
  }

  /** Puts a rule into force, after those that are. */
  add(rule: FaultRule): ActiveRule {
    return this.#rules.add(rule);
  }

  /** Takes all rules out of force. What is under way still arrives. */
  clear(): void {
    this.#rules.clear();
  }

  /** The same store as another client sees it (N3). Closing it closes nothing. */
  as(client: string): ObjectStore {
    return {
      url: this.url,
      create: (key, body, call) => this.#create(client, key, body, call),
      get: (key, call) => this.#get(client, key, call),
      head: (key, call) => this.#head(client, key, call),
      list: (prefix, call) => this.#list(client, prefix, call),
      delete: (key, call) => this.#delete(client, key, call),
      versioning: (call) => this.versioning(call),
      close: async () => undefined,
    };
  }

  /** Resolves when no request is under way any more, late and duplicate deliveries included. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.allSettled(this.#underway);
  }

  create(key: string, body: Body, call?: StoreCall): Promise<CreateOutcome> {
    return this.#create(DEFAULT_CLIENT, key, body, call);
  }

  get(key: string, call?: GetCall): Promise<StoredObject | undefined> {
    return this.#get(DEFAULT_CLIENT, key, call);
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    return this.#head(DEFAULT_CLIENT, key, call);
  }

  list(prefix: string, call?: ListCall): Promise<ListPage> {
    return this.#list(DEFAULT_CLIENT, prefix, call);
  }

  delete(key: string, call?: StoreCall): Promise<void> {
    return this.#delete(DEFAULT_CLIENT, key, call);
  }

  async versioning(call?: StoreCall): Promise<Versioning> {
    return (await this.#store.inner.versioning?.(call)) ?? 'unknown';
  }

  close(): Promise<void> {
    return this.#store.inner.close();
  }

  async #create(client: string, key: string, body: Body, call: StoreCall = {}): Promise<CreateOutcome> {
    const { signal } = call;
    const frozen = copyOf(body); // a late delivery must carry the bytes of this call, whatever the caller does to its buffer
    try {
      return await this.#send({
        client,
        operation: 'create',
        key,
        signal,
        act: (fault) => this.#store.create(fault, key, frozen),
      });
    } catch (error) {
      if (signal?.aborted && error === signal.reason)
        return { kind: 'undecided', cause: abortedError('create', key, signal) };
      if (error instanceof StoreError)
        return { kind: error.retryable ? 'undecided' : 'refused', cause: error };
      throw error;
    }
  }

  #get(client: string, key: string, call: GetCall = {}): Promise<StoredObject | undefined> {
    const { signal, range } = call;
    return this.#send({
      client,
      operation: 'get',
      key,
      signal,
      act: (fault) => this.#store.get(fault, key, range),
    });
  }

  #head(client: string, key: string, call: StoreCall = {}): Promise<ObjectInfo | undefined> {
    return this.#send({
      client,
      operation: 'head',
      key,
      signal: call.signal,
      act: (fault) => this.#store.head(fault, key),
    });
  }

  #list(client: string, prefix: string, call: ListCall = {}): Promise<ListPage> {
    const { signal, ...page } = call;
    return this.#send({
      client,
      operation: 'list',
      key: prefix,
      signal,
      act: (fault) => this.#store.list(fault, prefix, page.startAfter, page.limit),
    });
  }

  #delete(client: string, key: string, call: StoreCall = {}): Promise<void> {
    return this.#send({
      client,
      operation: 'delete',
      key,
      signal: call.signal,
      act: (fault) => this.#store.delete(fault, key),
    });
  }

  /** Lets a request travel; its sender waits only as long as his signal allows (N1). */
  async #send<T>(request: Request<T>): Promise<T> {
    request.signal?.throwIfAborted();
    const { client, operation, key } = request;
    const fault = this.#rules.draw(client, operation, key);
    this.#options.trace?.({ atMs: this.#options.clock.monotonicMs(), client, operation, key, fault });
    const travel = this.#travel(request, fault);
    this.#track(travel);
    return await raceAbort(travel, request.signal);
  }

  #track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work.then(
      () => this.#underway.delete(tracked),
      () => this.#underway.delete(tracked),
    );
    this.#underway.add(tracked);
  }

  async #travel<T>(request: Request<T>, fault: Fault | undefined): Promise<T> {
    const { latency, random } = this.#options;
    const { requestMs = 0, responseMs = 0 } = latency?.(random, request.operation) ?? {};
    const deliver = async (): Promise<T> => {
      await this.#sleep(requestMs);
      const answer = await request.act(fault);
      await this.#sleep(responseMs);
      return answer;
    };
    switch (fault?.kind) {
      case 'drop-request':
        await this.#sleep(fault.waitMs);
        throw lost(request, fault.code);
      case 'drop-response':
        await deliver();
        await this.#sleep(fault.waitMs);
        throw lost(request, fault.code);
      case 'delay': {
        await this.#sleep(fault.requestMs);
        const answer = await deliver();
        await this.#sleep(fault.responseMs);
        return answer;
      }
      case 'late':
        this.#track(this.#sleep(fault.arriveMs).then(deliver));
        await this.#sleep(fault.giveUpMs);
        throw lost(request, 'STORE_TIMEOUT');
      case 'duplicate': {
        const answer = await deliver();
        this.#track(this.#sleep(fault.againMs).then(deliver));
        return answer;
      }
      case 'hold': {
        if (fault.at === 'request') await fault.until;
        const answer = await deliver();
        if (fault.at === 'response') await fault.until;
        return answer;
      }
      case 'status':
        if (fault.effect) await deliver();
        else await this.#sleep(requestMs + responseMs);
        if (fault.status === 412 && request.operation === 'create') return { kind: 'exists' } as T;
        throw answered(request, fault.status, fault.code);
      case undefined:
      case 'truncate': // this and what follows changes the answer: act has seen to it
      case 'corrupt':
      case 'stale-list':
      case 'lie':
        return await deliver();
    }
  }

  /** No timer for no time: without latency a request acts in the order in which it was sent. */
  async #sleep(ms: number | undefined): Promise<void> {
    if (ms !== undefined && ms > 0) await this.#options.clock.sleep(ms);
  }
}

function lost(
  request: Request<unknown>,
  code: 'STORE_UNREACHABLE' | 'STORE_TIMEOUT' = 'STORE_UNREACHABLE',
): StoreError {
  const { operation, key } = request;
  return new StoreError(code, `Scripted fault: the ${operation} of ${key} was lost on the way.`, {
    retryable: true,
    fields: { operation, key },
  });
}

/** The error that the S3 adapter makes of this answer. */
function answered(request: Request<unknown>, status: number, storeCode: string | undefined): StoreError {
  const { operation, key } = request;
  const { code, retryable, say } = classify({ status, code: storeCode });
  return new StoreError(code, `Scripted fault: ${say} (${operation} of ${key}, status ${status}).`, {
    retryable,
    fields: { operation, key, status },
  });
}
