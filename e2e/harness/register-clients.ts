/**
 * Clients that work on few keys of a shard at once, whatever happens to its primaries, and what they saw (register.ts): the history that must be linearizable.
 *
 * G1  Each does one operation at a time, through the typed client, which sends it again to whoever is primary by then. One that it gives up is of unknown
 *     outcome, and the client goes on as another one.
 * G2  A client is of one of two kinds: it leaves its identity to the typed client's session, or names each request itself.
 * G3  All of them are in this process, so that the order of calls and returns is the order of one clock.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, fromUtf8 } from '../../src/base/index.ts';
import { seededRandom, type SeededRandom } from '../../src/base/testing/index.ts';
import { KvClient } from '../../src/kvstore/client/index.ts';
import type { Cluster } from '../cluster/index.ts';
import { PrimaryFinder } from './primary-finder.ts';
import { RegisterHistory, type RegisterInput, type RegisterOutput } from './register.ts';

const CLIENTS = 4;
const KEYS: readonly string[] = ['register/a', 'register/b', 'register/c'];
/** Most time between two operations of a client, ms: it bounds the history that must be checked. */
const THINK_MS = 120;
/** An operation is given up after this, ms: longer than a failover, so that most ride through one. */
const PATIENCE_MS = 25_000;
/** Ends of an operation that leave it open whether it took place. */
const UNKNOWN = /^(KV_TIMEOUT|KV_SESSION_LOST)$/;
/** For the last reads, of a shard that is well, ms. */
const LAST_READ_MS = 60_000;

export class RegisterClients {
  readonly history: RegisterHistory = new RegisterHistory();
  readonly seed: number;
  readonly #finder: PrimaryFinder;
  readonly #clients: readonly KvClient[];
  readonly #stop = new AbortController();
  readonly #working: Promise<void>;
  #failure: unknown;

  private constructor(finder: PrimaryFinder, seed: number) {
    this.#finder = finder;
    this.seed = seed;
    const random = seededRandom(seed);
    this.#clients = Array.from(
      { length: CLIENTS },
      () => new KvClient({ resolve: (signal) => finder.url(signal) }),
    );
    const working = this.#clients.map((client, n) => this.#work(client, `client-${n}`, random.fork()));
    this.#working = Promise.all(working).then(
      () => undefined,
      (error: unknown) => void (this.#failure = error),
    );
  }

  static async start(
    cluster: Cluster,
    namespace: string,
    shard: string,
    seed: number,
  ): Promise<RegisterClients> {
    return new RegisterClients(await PrimaryFinder.start(cluster, namespace, shard), seed);
  }

  /** Stops them, reads every key once more, and tells what is wrong: nothing, if all is well. */
  async finish(): Promise<string[]> {
    this.#stop.abort(new Error('finished'));
    await this.#working;
    if (this.#failure) throw this.#failure;
    for (const key of KEYS) {
      const operation: RegisterInput = { kind: 'get' };
      const returned = this.history.call('last reader', key, operation);
      returned(await ask(this.#clients[0]!, key, operation, undefined, LAST_READ_MS));
    }
    await this.close();
    return this.history.wrong().map((what) => `seed ${this.seed}: ${what}`);
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    this.#finder.stop();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #work(client: KvClient, name: string, random: SeededRandom): Promise<void> {
    const seen = new Map<string, string | undefined>();
    const namesRequests = random.chance(0.5); // G2
    for (let n = 1; !this.#stop.signal.aborted; n++) {
      await sleep(random.below(THINK_MS));
      const key = random.pick(KEYS);
      const input = draw(random, seen.get(key), `${name}:${n}`);
      const requestId = namesRequests ? `${name}:${n}:${this.seed}` : undefined;
      const returned = this.history.call(name, key, input);
      try {
        const output = await ask(client, key, input, requestId, PATIENCE_MS);
        returned(output);
        learn(seen, key, input, output);
      } catch (error) {
        if (!UNKNOWN.test(errorCode(error) ?? '')) throw error; // no refusal is expected
        seen.delete(key); // G1
      }
    }
  }
}

function draw(random: SeededRandom, seen: string | undefined, value: string): RegisterInput {
  const dice = random.unit();
  if (dice < 0.4) return { kind: 'get' };
  if (dice < 0.6) return { kind: 'put', value };
  if (dice < 0.67) return { kind: 'delete' };
  return { kind: 'cas', expected: seen, value };
}

function learn(
  seen: Map<string, string | undefined>,
  key: string,
  input: RegisterInput,
  output: RegisterOutput,
): void {
  if (typeof output === 'object') seen.set(key, output.value);
  else if (input.kind === 'put' || (input.kind === 'cas' && output)) seen.set(key, input.value);
  else if (input.kind === 'delete') seen.set(key, undefined);
}

async function ask(
  client: KvClient,
  key: string,
  input: RegisterInput,
  requestId: string | undefined,
  timeoutMs: number,
): Promise<RegisterOutput> {
  const options = { timeoutMs, requestId };
  switch (input.kind) {
    case 'get': {
      const value = await client.get(key, { timeoutMs });
      return { value: value && fromUtf8(value) };
    }
    case 'put':
      await client.put([{ key, value: input.value }], options);
      return true;
    case 'delete':
      return await client.delete(key, options);
    case 'cas':
      return await client.compareAndSet(key, input.expected, input.value, options);
  }
}
