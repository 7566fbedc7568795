/**
 * requests: remembers the results of requests, so that a request that comes twice is applied once (seeds.md F4.20, F4.21).
 *
 * Q1  Replicated state: what is in the table depends on the history alone, command by command, not on how commands were batched.
 * Q2  Bounded by number and by result bytes; the least recently used request is forgotten first. A request that comes again after it was
 *     forgotten is a new one, so clients must not retry for longer than `capacity` other requests take.
 * Q3  The bounds are part of the state: a table saved with other bounds is refused (F5.6).
 * Q4  Order of use is saved with the table, and equal tables have equal bytes.
 * Q5  A request is asked for by the key of its id (keyOf), which is made once a command.
 */
import { EnvelopeError } from './errors.ts';
import { REMEMBERED_REQUESTS, REMEMBERED_RESULT_BYTES } from './limits.ts';
import { Lru } from './lru.ts';
import type { Result } from './types.ts';
import type { ByteReader, ByteWriter } from './varint.ts';

export interface RequestBounds {
  readonly requests: number;
  readonly resultBytes: number;
}

const DEFAULT_BOUNDS: RequestBounds = { requests: REMEMBERED_REQUESTS, resultBytes: REMEMBERED_RESULT_BYTES };

/** One remembered request; without a result only while its batch is being applied. */
export interface RememberedRequest {
  result: Result | undefined;
  /** Index of the last command with its id. */
  used: number;
}

/** Told of every request that came, changed or went. */
export type RequestWatch = (requestId: string) => void;

export class RequestTable {
  readonly #bounds: RequestBounds;
  readonly #requests = new Lru<string, RememberedRequest>();
  readonly #changed: RequestWatch;
  #resultBytes = 0;

  constructor(bounds: RequestBounds = DEFAULT_BOUNDS, changed: RequestWatch = () => undefined) {
    this.#bounds = bounds;
    this.#changed = changed;
  }

  get bounds(): RequestBounds {
    return this.#bounds;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** The result of a request, without counting as a use: only the log may change the table (Q1). */
  peek(key: string): Result | undefined {
    return this.#requests.peek(key)?.result;
  }

  /** Whether the request is remembered, or is one whose batch is being applied. */
  has(key: string): boolean {
    return this.#requests.has(key);
  }

  /** The remembered request, now the most recently used, by the command of index `at`; undefined when it is new or forgotten. */
  use(key: string, at: number): RememberedRequest | undefined {
    const found = this.#requests.use(key);
    if (found) {
      found.used = at;
      this.#changed(key);
    }
    return found;
  }

  /** Remembers a new request of index `at`, forgetting the least recently used one if the table is full. Its result is given later, by `settle`. */
  add(key: string, at: number): RememberedRequest {
    const added: RememberedRequest = { result: undefined, used: at };
    this.#requests.set(key, added);
    this.#changed(key);
    if (this.#requests.size > this.#bounds.requests) this.#forgetOldest();
    return added;
  }

  /** Gives a request its result; then forgets what no longer fits, never a request that has no result yet. */
  settle(key: string, request: RememberedRequest, result: Result): void {
    request.result = result;
    if (this.#requests.peek(key) !== request) return; // forgotten within its own batch
    this.#resultBytes += result.data.length;
  }

  /** Forgets the least recently used requests until their results fit (Q2). Called between commands whose results are all known. */
  trim(): void {
    while (this.#resultBytes > this.#bounds.resultBytes) this.#forgetOldest();
  }

  save(out: ByteWriter): void {
    out.number(this.#bounds.requests).number(this.#bounds.resultBytes).number(this.#requests.size);
    for (const [key, { result }] of this.#requests) {
      if (!result) throw new EnvelopeError('a request without a result');
      out.sized(bytesOf(key)).number(result.value).sized(result.data);
    }
  }

  /** Loads what `save` wrote; requests count as used one after another, the last at index `at`. @throws EnvelopeError when it is damaged or was saved with other bounds (Q3) */
  load(input: ByteReader, at: number): void {
    this.checkBounds({ requests: input.number(), resultBytes: input.number() });
    const count = input.number();
    for (let n = 0; n < count; n++)
      this.put(keyOf(input.sized()), at - count + n + 1, { value: input.number(), data: input.sized() });
  }

  /** @throws EnvelopeError (Q3) */
  checkBounds({ requests, resultBytes }: RequestBounds): void {
    if (requests !== this.#bounds.requests || resultBytes !== this.#bounds.resultBytes)
      throw new EnvelopeError(`its request table holds ${requests} requests and ${resultBytes} result bytes`);
  }

  /** Puts a saved request behind those that are there. */
  put(key: string, used: number, result: Result): void {
    this.#requests.set(key, { result, used });
    this.#resultBytes += result.data.length;
    this.#changed(key);
  }

  /** The remembered request of a key. */
  get(key: string): Readonly<RememberedRequest> | undefined {
    return this.#requests.peek(key);
  }

  #forgetOldest(): void {
    const oldest = this.#requests.oldest();
    if (!oldest) return;
    this.#requests.delete(oldest[0]);
    this.#resultBytes -= oldest[1].result?.data.length ?? 0;
    this.#changed(oldest[0]);
  }
}

/** A request id as the key of a map: one character a byte. */
export function keyOf(requestId: Uint8Array): string {
  return Buffer.from(requestId.buffer, requestId.byteOffset, requestId.length).toString('latin1');
}

/** The request id of a key. */
export function bytesOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}
