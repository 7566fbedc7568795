/**
 * HTTP for reading objects at an endpoint without TLS: undici below the SDK, with connections that read widely (read-memory.ts) and bodies that are
 * copied once (object-body.ts). TLS hands out records of 16 KiB whatever the buffer, and nothing would be gained.
 *
 * 1. Only what was asked for by GetObject comes here, as the SDK has signed it.
 * 2. As H2 of fresh-connections.ts: nothing is repeated, and nothing ends by time but connecting.
 */
import type { Socket } from 'node:net';
import { buildConnector, Pool, type Dispatcher } from 'undici';
import { BodyPool } from '../body-pool.ts';
import { ObjectBody } from './object-body.ts';
import { MOST_HEAD_BYTES, readingWidely } from './read-memory.ts';

/** A request as the SDK hands it to its HTTP handler. */
export interface ReadRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  /** Encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReadResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: ObjectBody;
}

/** Idle connections are kept as long as a slow poll of the tail takes, ms. */
const KEEP_ALIVE_MS = 30_000;
/** Bodies beyond this are not collected into one buffer: nothing of ours is larger than a fragment of 64 MiB. */
const MOST_COLLECTED_BYTES: number = 128 * 1024 * 1024;

/** What the SDK puts into the query of a GetObject. */
const QUERY = 'x-id=GetObject';

/** Whether a request is one for an ObjectReads (1). */
export function isObjectRead({ method, protocol, query }: ReadRequest): boolean {
  const asked = Object.entries(query).map(([name, value]) => `${name}=${String(value)}`);
  return method === 'GET' && protocol === 'http:' && asked.length === 1 && asked[0] === QUERY;
}

export class ObjectReads {
  readonly #sockets: number;
  readonly #connectMs: number;
  readonly #pools = new Map<string, Pool>();
  readonly #memory = new BodyPool();

  /** `sockets`: most connections at a time; `connectMs`: longest time to connect. */
  constructor(sockets: number, connectMs: number) {
    this.#sockets = sockets;
    this.#connectMs = connectMs;
  }

  /** Sends one request; the answer is there when its head is. @throws the signal's reason, an error of undici or of the system. */
  handle(request: ReadRequest, signal: AbortSignal | undefined): Promise<{ response: ReadResponse }> {
    return new Promise((resolve, reject) => {
      const answer = new Answer(
        wantedBytes(request),
        this.#memory,
        signal,
        (response) => resolve({ response }),
        reject,
      );
      if (signal?.aborted) return;
      const { hostname, port, path, headers } = request;
      this.#pool(`http://${hostname}:${port ?? 80}`).dispatch(
        { method: 'GET', path: `${path}?${QUERY}`, headers },
        answer,
      );
    });
  }

  destroy(): void {
    for (const pool of this.#pools.values()) void pool.destroy().catch(() => undefined); // its requests hear of it
    this.#pools.clear();
  }

  #pool(origin: string): Pool {
    const known = this.#pools.get(origin);
    if (known) return known;
    const made = new Pool(origin, {
      connections: this.#sockets,
      pipelining: 1,
      connect: widely(this.#connectMs),
      maxHeaderSize: MOST_HEAD_BYTES,
      headersTimeout: 0, // 2
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    this.#pools.set(origin, made);
    return made;
  }
}

function widely(connectMs: number): buildConnector.connector {
  return (options, callback) => {
    let socket: Socket | undefined;
    const onread = readingWidely(() => socket!);
    const connect = buildConnector({ timeout: connectMs, onread });
    connect(options, (...[error, connected]) => {
      if (error) return callback(error, null);
      socket = connected; // nothing is read before
      callback(null, connected);
    });
  };
}

/** Most bytes that the answer to a request may have. */
function wantedBytes({ headers }: ReadRequest): number {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? headers['Range'] ?? '') ?? [];
  return end === undefined
    ? MOST_COLLECTED_BYTES
    : Math.min(MOST_COLLECTED_BYTES, Number(end) + 1 - Number(start));
}

/** One answer, from undici to the SDK. */
class Answer implements Dispatcher.DispatchHandler {
  readonly #wanted: number;
  readonly #memory: BodyPool;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (response: ReadResponse) => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ObjectBody | undefined;
  /** Why nobody waits any more. */
  #over: Error | 'complete' | undefined;

  constructor(
    wanted: number,
    memory: BodyPool,
    signal: AbortSignal | undefined,
    resolve: (response: ReadResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#wanted = wanted;
    this.#memory = memory;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.#end(this.#signal?.reason as Error);

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over instanceof Error) controller.abort(this.#over); // while it waited for a connection
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200 || this.#over) return; // only a notice
    const told = headers['content-length'];
    const bytes = typeof told === 'string' && /^\d+$/.test(told) ? Number(told) : undefined;
    const collect =
      (statusCode === 200 || statusCode === 206) && bytes !== undefined && bytes <= this.#wanted;
    this.#body = new ObjectBody(
      collect ? bytes : undefined,
      this.#memory,
      () => controller.resume(),
      (error) => this.#end(error ?? 'complete'),
    );
    this.#resolve({ statusCode, headers: plain(headers), body: this.#body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#body && !this.#body.destroyed && !this.#body.add(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#body?.complete();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  /** Once: nobody waits for more. */
  #end(why: Error | 'complete'): void {
    if (this.#over) return;
    this.#over = why;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (why === 'complete') return;
    this.#reject(why); // no news after the head
    this.#body?.destroy(why);
    this.#controller?.abort(why);
  }
}

function plain(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}
