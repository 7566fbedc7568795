/**
 * A process that dies or freezes at one of its requests to the store, as a kill -9 or a kill -STOP would do it.
 *
 * K1  Time and the store come to a process through its own ports: once it is dead no timer of it fires, no answer reaches it and nothing more leaves
 *     it; while it is frozen all of that waits. Nothing in its code is called for the purpose.
 * K2  Requests are numbered in the order in which they are sent, over all processes of a world; the same story gives the same numbers.
 * K3  A request that was on its way when its process was struck arrives as always, or when the world says so (`deliver`): the network outlives the
 *     sender.
 */
import { raceAbort, type Clock, type Timer } from '../../base/index.ts';
import { SLOT_HEAD_BYTES } from '../format/slot.ts';
import {
  copyOf,
  StoreError,
  type Body,
  type CreateOutcome,
  type GetCall,
  type ListCall,
  type ListPage,
  type ObjectInfo,
  type ObjectStore,
  type StoreCall,
  type StoredObject,
} from '../../store/index.ts';

/** One request, and what came of it as far as the store is concerned. */
export interface SentRequest {
  readonly number: number;
  readonly process: string;
  /** What its process was about. */
  readonly phase: string;
  readonly operation: 'create' | 'get' | 'head' | 'list' | 'delete';
  readonly key: string;
  /** What is created. */
  readonly body: Uint8Array | undefined;
  /** Only the head of a slot was asked for. */
  readonly onlyHead: boolean;
  /** Of a create: what its sender would be told. */
  outcome: CreateOutcome['kind'] | undefined;
}

export type Moment =
  /** It never arrives; or, where the world delivers late, long after. */
  | 'before it reached the store'
  | 'after its effect, before its answer'
  /** The answer reaches the process, which does with it what it can do without a further request. */
  | 'after its answer';

export type End =
  | 'dies'
  /** What was on its way when it died arrives only at `deliver` (K3). */
  | 'dies, and its requests arrive late'
  /** Until `wake`. */
  | 'freezes';

/** Which request strikes its process, when, and what becomes of it. */
export interface Fate {
  readonly number: number;
  readonly moment: Moment;
  readonly end: End;
}

export class MortalWorld {
  readonly clock: Clock;
  readonly requests: SentRequest[] = [];
  /** Requests that arrived after their sender had died, or that it sent before it slept and that arrived when it woke up. */
  arrivedLate = 0;
  /** Resolves with the process that was struck. */
  readonly struck: Promise<MortalProcess>;
  readonly #fate: Fate | undefined;
  readonly #resolveStruck: (process: MortalProcess) => void;
  readonly #delivered = Promise.withResolvers<void>();

  constructor(clock: Clock, fate: Fate | undefined) {
    this.clock = clock;
    this.#fate = fate;
    const { promise, resolve } = Promise.withResolvers<MortalProcess>();
    this.struck = promise;
    this.#resolveStruck = resolve;
  }

  /** Lets arrive what a struck process had sent (K3). */
  deliver(): void {
    this.#delivered.resolve();
  }

  /** Takes down a request that is being sent. */
  number(request: Omit<SentRequest, 'number' | 'outcome'>): SentRequest {
    const numbered = { ...request, number: this.requests.length, outcome: undefined };
    this.requests.push(numbered);
    return numbered;
  }

  /** Whether the sender of the request is struck now. */
  strikes({ number }: SentRequest, moment: Moment, process: MortalProcess): boolean {
    if (this.#fate?.number !== number || this.#fate.moment !== moment) return false;
    process.strike(this.#fate.end);
    this.#resolveStruck(process);
    return true;
  }

  /** Resolves when a request may arrive that was sent before its process was struck. */
  async arrival(process: MortalProcess): Promise<void> {
    if (process.state !== 'dead' || this.#fate?.end !== 'dies, and its requests arrive late') return;
    await this.#delivered.promise;
    this.arrivedLate++;
  }

  /** Resolves when a request may arrive that its process sent just when it was struck; never, if it was lost with it. */
  async lateArrival(process: MortalProcess): Promise<void> {
    if (process.state === 'dead' && this.#fate?.end === 'dies') await new Promise<never>(() => undefined);
    if (process.state === 'dead') return await this.arrival(process);
    await process.awake;
    this.arrivedLate++;
  }
}

export class MortalProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly store: ObjectStore;
  /** What it is about, in words of its story. */
  phase = '';
  readonly #world: MortalWorld;
  readonly #inner: ObjectStore;
  readonly #latencyMs: number;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #awake = Promise.withResolvers<void>();

  constructor(world: MortalWorld, name: string, store: ObjectStore, latencyMs: number) {
    this.name = name;
    this.#world = world;
    this.#inner = store;
    this.#latencyMs = latencyMs;
    this.clock = this.#ownClock();
    this.store = this.#ownStore();
    this.#awake.resolve();
  }

  get state(): 'running' | 'frozen' | 'dead' {
    return this.#state;
  }

  /** Resolves while it runs, or as soon as it does again. */
  get awake(): Promise<void> {
    return this.#awake.promise;
  }

  strike(end: End): void {
    this.#state = end === 'freezes' ? 'frozen' : 'dead';
    this.#awake = Promise.withResolvers(); // of a dead one never resolved
  }

  /** Lets a frozen process go on (K1). */
  wake(): void {
    this.#state = 'running';
    this.#awake.resolve();
  }

  #ownClock(): Clock {
    const { clock } = this.#world;
    const timer = (delayMs: number, fire: () => void): Timer => {
      let cancelled = false;
      const inner = clock.timer(delayMs, () => {
        if (this.#state === 'running') fire();
        else void this.#awake.promise.then(() => cancelled || fire()); // never rejects
      });
      return {
        cancel: () => {
          cancelled = true;
          inner.cancel();
        },
      };
    };
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      timer,
      sleep: (delayMs, signal) => {
        const over = Promise.withResolvers<void>();
        const own = timer(delayMs, over.resolve);
        return raceAbort(over.promise, signal).finally(() => own.cancel());
      },
    };
  }

  #ownStore(): ObjectStore {
    const inner = this.#inner;
    return {
      url: inner.url,
      create: async (key, body, call) => await this.#create(key, body, call),
      get: (key, call: GetCall = {}): Promise<StoredObject | undefined> => {
        const { range } = call;
        const onlyHead = range !== undefined && range.end <= SLOT_HEAD_BYTES;
        const request = { operation: 'get', key, body: undefined, onlyHead } as const;
        return this.#send(request, call, () => inner.get(key, { range }));
      },
      head: (key, call): Promise<ObjectInfo | undefined> =>
        this.#send({ operation: 'head', key, body: undefined, onlyHead: false }, call, () => inner.head(key)),
      list: (prefix, { signal, startAfter, limit }: ListCall = {}): Promise<ListPage> => {
        const request = { operation: 'list', key: prefix, body: undefined, onlyHead: false } as const;
        return this.#send(request, { signal }, () => inner.list(prefix, { startAfter, limit }));
      },
      delete: (key, call): Promise<void> =>
        this.#send({ operation: 'delete', key, body: undefined, onlyHead: false }, call, () =>
          inner.delete(key),
        ),
      close: async () => undefined,
    };
  }

  async #create(key: string, body: Body, call: StoreCall | undefined): Promise<CreateOutcome> {
    const frozen = copyOf(body);
    try {
      return await this.#send(
        { operation: 'create', key, body: frozen, onlyHead: false },
        call,
        async (request) => {
          const outcome = await this.#inner.create(key, frozen);
          request.outcome = outcome.kind;
          return outcome;
        },
      );
    } catch (cause) {
      if (!call?.signal?.aborted) throw cause;
      const aborted = new StoreError('STORE_ABORTED', 'aborted', { retryable: true, cause });
      return { kind: 'undecided', cause: aborted }; // as the port wants it
    }
  }

  async #send<T>(
    asked: Pick<SentRequest, 'operation' | 'key' | 'body' | 'onlyHead'>,
    call: StoreCall | undefined,
    act: (request: SentRequest) => Promise<T>,
  ): Promise<T> {
    if (this.#state !== 'running') await this.#awake.promise;
    call?.signal?.throwIfAborted();
    const request = this.#world.number({ ...asked, process: this.name, phase: this.phase });
    const struck = this.#world.strikes(request, 'before it reached the store', this);
    const travel = this.#travel(request, act, struck);
    travel.catch(() => undefined); // of a process that is gone
    return await raceAbort(travel, call?.signal);
  }

  async #travel<T>(
    request: SentRequest,
    act: (request: SentRequest) => Promise<T>,
    struck: boolean,
  ): Promise<T> {
    const world = this.#world;
    await world.clock.sleep(this.#latencyMs);
    if (struck) await world.lateArrival(this);
    else await world.arrival(this);
    try {
      return await act(request);
    } finally {
      world.strikes(request, 'after its effect, before its answer', this);
      await world.clock.sleep(this.#latencyMs);
      await this.#awake.promise;
      world.strikes(request, 'after its answer', this);
    }
  }
}
