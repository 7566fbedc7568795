/**
 * requests: remembers the results of requests, so that a request that comes twice is applied once (seeds.md F4.20, F4.21).
 *
 * Q1  Replicated state: what is in the table depends on the history alone, command by command, not on how commands were batched.
 * Q2  Bounded by number and by result bytes; the least recently used request is forgotten first. A request that comes again after it was
 *     forgotten is a new one, so clients must not retry for longer than `capacity` other requests take.
 * Q3  The bounds are part of the state: a table saved with other bounds is refused (F5.6).
 * Q4  Order of use is saved with the table, and equal tables have equal bytes.
 */
import { createHash } from 'node:crypto';
import { EnvelopeError } from './errors.ts';
import { REMEMBERED_REQUESTS, REMEMBERED_RESULT_BYTES } from './limits.ts';
import type { Result } from './types.ts';
import { ByteReader, ByteWriter } from './varint.ts';

export interface RequestBounds {
  readonly requests: number;
  readonly resultBytes: number;
}

const DEFAULT_BOUNDS: RequestBounds = { requests: REMEMBERED_REQUESTS, resultBytes: REMEMBERED_RESULT_BYTES };

/** One remembered request; without a result only while its batch is being applied. */
export interface RememberedRequest {
  result: Result | undefined;
}

export class RequestTable {
  readonly #bounds: RequestBounds;
  /** In order of use, least recent first: a Map keeps insertion order. */
  readonly #requests = new Map<string, RememberedRequest>();
  #resultBytes = 0;

  constructor(bounds: RequestBounds = DEFAULT_BOUNDS) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** The result of a request, without counting as a use: only the log may change the table (Q1). */
  peek(requestId: Uint8Array): Result | undefined {
    return this.#requests.get(keyOf(requestId))?.result;
  }

  /** Whether the request is remembered, or is one whose batch is being applied. */
  has(requestId: Uint8Array): boolean {
    return this.#requests.has(keyOf(requestId));
  }

  /** The remembered request, now the most recently used; undefined when it is new or forgotten. */
  use(requestId: Uint8Array): RememberedRequest | undefined {
    const key = keyOf(requestId);
    const found = this.#requests.get(key);
    if (found) {
      this.#requests.delete(key);
      this.#requests.set(key, found);
    }
    return found;
  }

  /** Remembers a new request, forgetting the least recently used one if the table is full. Its result is given later, by `settle`. */
  add(requestId: Uint8Array): RememberedRequest {
    const added: RememberedRequest = { result: undefined };
    this.#requests.set(keyOf(requestId), added);
    if (this.#requests.size > this.#bounds.requests) this.#forgetOldest();
    return added;
  }

  /** Gives a request its result; then forgets what no longer fits, never a request that has no result yet. */
  settle(requestId: Uint8Array, request: RememberedRequest, result: Result): void {
    request.result = result;
    if (this.#requests.get(keyOf(requestId)) !== request) return; // forgotten within its own batch
    this.#resultBytes += result.data.length;
  }

  /** Forgets the least recently used requests until their results fit (Q2). Called between commands whose results are all known. */
  trim(): void {
    while (this.#resultBytes > this.#bounds.resultBytes) this.#forgetOldest();
  }

  save(): Uint8Array {
    const out = new ByteWriter().number(this.#bounds.requests).number(this.#bounds.resultBytes);
    out.number(this.#requests.size);
    for (const [key, { result }] of this.#requests) {
      if (!result) throw new EnvelopeError('a request without a result');
      out.sized(bytesOf(key)).number(result.value).sized(result.data);
    }
    return out.finish();
  }

  /** @throws EnvelopeError when the bytes are damaged or were saved with other bounds (Q3) */
  load(saved: Uint8Array): void {
    const input = new ByteReader(saved);
    const requests = input.number();
    const resultBytes = input.number();
    if (requests !== this.#bounds.requests || resultBytes !== this.#bounds.resultBytes) {
      throw new EnvelopeError(`its request table holds ${requests} requests and ${resultBytes} result bytes`);
    }
    const count = input.number();
    this.#requests.clear();
    this.#resultBytes = 0;
    for (let n = 0; n < count; n++) {
      const key = keyOf(input.sized());
      const result: Result = { value: input.number(), data: input.sized() };
      this.#requests.set(key, { result });
      this.#resultBytes += result.data.length;
    }
    input.finish();
  }

  /** Digest of the table (Q4). */
  hash(): string {
    return createHash('sha256').update(this.save()).digest('hex');
  }

  #forgetOldest(): void {
    const [oldest] = this.#requests;
    if (!oldest) return;
    this.#requests.delete(oldest[0]);
    this.#resultBytes -= oldest[1].result?.data.length ?? 0;
  }
}

function keyOf(requestId: Uint8Array): string {
  return Buffer.from(requestId.buffer, requestId.byteOffset, requestId.length).toString('latin1');
}

function bytesOf(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}
