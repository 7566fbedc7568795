/**
 * A client of the simulated service: one operation at a time, sent again, with the same identity, to whoever it takes for the primary, until there is an
 * answer or its patience ends. As the typed client does (src/kvstore/client.ts), over a network that loses and delays.
 *
 * C1  A mutation keeps its identity for all its attempts. One that was given up may take effect at any time afterwards; the client goes on as another one.
 * C2  What an attempt was answered counts only if the answer arrives while it is waited for.
 * C3  It may ask a replica that is primary no more, or never was: answering rightly is the replica's business.
 */
import { deadline, errorCode, utf8, fromUtf8 } from '../../../src/base/index.ts';
import type { SeededRandom } from '../../../src/base/testing/index.ts';
import { encodeCommand, type Command } from '../../../src/kvstore/index.ts';
import type { ProposalIdentity } from '../../../src/service/index.ts';
import type { RegisterInput, RegisterOutput } from '../../harness/register.ts';
import type { KvService, KvWorld, Node } from './world.ts';

/** Most time between two operations, ms. */
const THINK_MS = 700;
/** How long an attempt, and a whole operation, is waited for at most, ms; and how long a replica tries to answer. */
const ATTEMPTS_MS = [300, 1000, 4000] as const;
const PATIENCES_MS = [2000, 20_000] as const;
const SERVER_MS = 15_000;
/** Most time between two attempts, ms. */
const RETRY_MS = 150;
/** How likely a message is lost, takes long, and an attempt goes to a replica at random. */
const LOST = 0.04;
const SLOW = 0.05;
const SLOW_MS = 3000;
const ASTRAY = 0.1;
/** How likely a client numbers its commands in a session instead of giving each an id. */
const USES_SESSIONS = 0.5;
/** Where to go next when the present primary is not known to be one. */
const MISLED = /^(NOT_PRIMARY|SERVICE_CLOSED)$/;

type Act<T> = (service: KvService, signal: AbortSignal) => Promise<T>;

export class Client {
  readonly #world: KvWorld;
  readonly #name: string;
  readonly #keys: readonly string[];
  readonly #random: SeededRandom;
  /** What it last saw of each key: a good guess for a compare-and-set. */
  readonly #seen = new Map<string, string | undefined>();
  /** Whom it takes for the primary. */
  #target: Node | undefined;
  #operations = 0;
  readonly #usesSessions: boolean;
  /** Its session, the number of the last command in it, and up to which number it has all answers. */
  #session: ProposalIdentity['session'];

  constructor(world: KvWorld, name: string, keys: readonly string[]) {
    this.#world = world;
    this.#name = name;
    this.#keys = keys;
    this.#random = world.random.fork();
    this.#usesSessions = this.#random.chance(USES_SESSIONS);
  }

  /** Works until the world ends. */
  async work(): Promise<void> {
    const { clock, untilMs } = this.#world;
    while (clock.monotonicMs() < untilMs) {
      await clock.sleep(this.#random.below(THINK_MS));
      const key = this.#random.pick(this.#keys);
      await this.operate(key, this.#draw(key), this.#random.pick(PATIENCES_MS));
    }
  }

  /** One operation, from its call to its answer; undefined when there was none. */
  async operate(key: string, input: RegisterInput, patienceMs: number): Promise<RegisterOutput | undefined> {
    const { clock, history, tally } = this.#world;
    const id = `${this.#name}-${++this.#operations}`;
    const giveUpMs = clock.monotonicMs() + patienceMs;
    const identity = input.kind === 'get' ? {} : await this.#identify(id, giveUpMs);
    if (!identity) return undefined; // nothing was asked for
    const returned = history.call(id, key, input);
    const output = await this.#persist(giveUpMs, (service, signal) =>
      ask(service, { key, input, identity, wallMs: clock.wallMs() }, signal),
    );
    if (output !== undefined) {
      returned(output);
      tally.answered++;
      this.#learn(key, input, output);
      if (identity.session) this.#session = { ...identity.session, respondedTo: identity.session.series };
      return output;
    }
    if (input.kind !== 'get') tally.unknown++;
    this.#session = undefined; // C1
    this.#seen.delete(key);
    return undefined;
  }

  /** By what its attempts are known to be one operation: an id of its own, or the next number in its session, which is begun when there is none. */
  async #identify(requestId: string, giveUpMs: number): Promise<ProposalIdentity | undefined> {
    if (!this.#usesSessions) return { requestId };
    if (!this.#session) {
      const clientId = await this.#persist(giveUpMs, (service, signal) => service.registerSession(signal));
      if (clientId === undefined) return undefined;
      this.#world.tally.sessions++;
      this.#session = { clientId, series: 0n, respondedTo: 0n };
    }
    const { clientId, series, respondedTo } = this.#session;
    return { session: { clientId, series: series + 1n, respondedTo } };
  }

  /** Sends it again and again until there is an answer; undefined when patience ends before. */
  async #persist<T>(giveUpMs: number, act: Act<T>): Promise<T | undefined> {
    const { clock, tally } = this.#world;
    for (let attempt = 0; clock.monotonicMs() < giveUpMs; attempt++) {
      if (attempt > 0) tally.retries++;
      const output = await this.#attempt(act);
      if (output !== undefined) return output;
      await clock.sleep(this.#random.below(RETRY_MS));
    }
    return undefined;
  }

  #draw(key: string): RegisterInput {
    const random = this.#random;
    const value = `${this.#name}:${this.#operations + 1}`;
    const dice = random.unit();
    if (dice < 0.35) return { kind: 'get' };
    if (dice < 0.55) return { kind: 'put', value };
    if (dice < 0.62) return { kind: 'delete' };
    return { kind: 'cas', expected: this.#seen.get(key), value };
  }

  #learn(key: string, input: RegisterInput, output: RegisterOutput): void {
    if (typeof output === 'object') this.#seen.set(key, output.value);
    else if (input.kind === 'put' || (input.kind === 'cas' && output)) this.#seen.set(key, input.value);
    else if (input.kind === 'delete') this.#seen.set(key, undefined);
    else this.#seen.delete(key);
  }

  /** One attempt; undefined without an answer in time (C2). */
  async #attempt<T>(act: Act<T>): Promise<T | undefined> {
    const { clock } = this.#world;
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const limit = clock.timer(this.#random.pick(ATTEMPTS_MS), () => resolve(undefined));
    void this.#exchange(act).then(resolve); // never rejects
    const output = await promise;
    limit.cancel();
    return output;
  }

  /** What comes back over the network; undefined for a refusal, and never for what is lost. Never rejects. */
  async #exchange<T>(act: Act<T>): Promise<T | undefined> {
    const node = this.#whom();
    await this.#travel();
    const replica = node.replica;
    const service = replica?.service;
    if (!replica || !service) return this.#misled();
    const limit = deadline(this.#world.clock, SERVER_MS, 'the request');
    try {
      const output = await act(service, limit.signal);
      if (!replica.isAlive) return await new Promise<never>(() => undefined);
      await this.#travel();
      return output;
    } catch (error) {
      if (!replica.isAlive) return await new Promise<never>(() => undefined);
      await this.#travel();
      return MISLED.test(errorCode(error) ?? '') ? this.#misled() : undefined;
    } finally {
      limit.clear();
    }
  }

  /** C3 */
  #whom(): Node {
    const { nodes, assignment } = this.#world;
    if (this.#random.chance(ASTRAY)) return this.#random.pick(nodes);
    this.#target ??= assignment?.node ?? this.#random.pick(nodes);
    return this.#target;
  }

  #misled(): undefined {
    this.#world.tally.misled++;
    this.#target = undefined;
  }

  async #travel(): Promise<void> {
    const random = this.#random;
    if (random.chance(LOST)) await new Promise<never>(() => undefined);
    await this.#world.clock.sleep(random.below(random.chance(SLOW) ? SLOW_MS : 10));
  }
}

interface Asked {
  readonly key: string;
  readonly input: RegisterInput;
  readonly identity: ProposalIdentity;
  readonly wallMs: number;
}

/** Has a replica do it. @throws what the service throws */
async function ask(
  service: KvService,
  { key, input, identity, wallMs }: Asked,
  signal: AbortSignal,
): Promise<RegisterOutput> {
  if (input.kind === 'get') {
    const { answer } = await service.read({ kind: 'get', keys: [utf8(key)] }, 'linearizable', signal);
    const [value] = answer as readonly (Uint8Array | undefined)[];
    return { value: value && fromUtf8(value) };
  }
  const command = encodeCommand(commandOf(utf8(key), input), wallMs);
  const { value } = await service.propose(command, identity, signal);
  return input.kind === 'put' ? true : value === 1;
}

function commandOf(key: Uint8Array, input: Exclude<RegisterInput, { kind: 'get' }>): Command {
  switch (input.kind) {
    case 'put':
      return { kind: 'put', pairs: [{ key, value: utf8(input.value) }] };
    case 'delete':
      return { kind: 'delete', key };
    case 'cas': {
      const expected = input.expected === undefined ? undefined : utf8(input.expected);
      return { kind: 'cas', key, expected, value: utf8(input.value) };
    }
  }
}
