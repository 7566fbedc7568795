/**
 * HTTP for the S3 clients: a pool of kept connections, and connections of one request for retries.
 *
 * H1  A request marked fresh never travels on a connection that another request used: what went silent there could be the connection
 *     (s3log.md §1.6, A4).
 * H2  Nothing here repeats a request or ends one by time; deadlines are the caller's signal, since the SDK's requestTimeout only warns
 *     (s3log.md §1.3). Only connecting has a time limit of its own.
 * H3  Every request that leaves is told to `onSent`, once, whatever asked for it and however it ended: what a store bills is what it got.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import type { Logger } from '../../base/index.ts';
import { isObjectRead, ObjectReads } from './object-reads.ts';

type HandledRequest = Parameters<NodeHttpHandler['handle']>[0];
type HandledOptions = NonNullable<Parameters<NodeHttpHandler['handle']>[1]>;
type Handled = ReturnType<NodeHttpHandler['handle']>;

/** What our requests pass through the SDK's send options. */
export interface SendOptions {
  readonly abortSignal: AbortSignal;
  readonly freshConnection: boolean;
}

/** A TCP or TLS connection that takes longer is as good as none; the attempt then counts as failed. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Told of every request (H3): its name in S3's interface, and the status of the answer or `none`. */
export type OnSent = (request: string, status: string) => void;

export class ConnectionChoice {
  readonly #pooled: NodeHttpHandler;
  readonly #fresh: NodeHttpHandler;
  /** For objects over plain HTTP; undefined where objects are not read in bulk. */
  readonly #reads: ObjectReads | undefined;
  readonly #onSent: OnSent;
  readonly metadata: NodeHttpHandler['metadata'];

  /** `sockets`: most connections kept at a time; further requests wait for one. `reads`: objects are read in bulk here. */
  constructor(sockets: number, log: Logger, onSent: OnSent, reads: boolean) {
    this.#onSent = onSent;
    this.#pooled = handler({ keepAlive: true, maxSockets: sockets }, log);
    this.#fresh = handler({ keepAlive: false }, log);
    this.#reads = reads ? new ObjectReads(sockets, CONNECT_TIMEOUT_MS) : undefined;
    this.metadata = this.#pooled.metadata;
  }

  /** Sends one request; `options` are SendOptions, which the SDK hands through as its own type. */
  handle(request: HandledRequest, options: HandledOptions = {}): Handled {
    const fresh = (options as Partial<SendOptions>).freshConnection === true;
    const handled = this.#send(request, options, fresh);
    const name = nameOf(request);
    void handled.then(
      ({ response }) => this.#onSent(name, String(response.statusCode)),
      () => this.#onSent(name, 'none'),
    ); // H3; the caller hears of the failure
    return handled;
  }

  #send(request: HandledRequest, options: HandledOptions, fresh: boolean): Handled {
    if (fresh) return this.#fresh.handle(request, options); // H1
    if (!this.#reads || !isObjectRead(request)) return this.#pooled.handle(request, options);
    return this.#reads.handle(request, (options as Partial<SendOptions>).abortSignal);
  }

  destroy(): void {
    this.#reads?.destroy();
    this.#pooled.destroy();
    this.#fresh.destroy();
  }

  /** This and the next are demanded by the SDK's interface and have nothing to do: the configuration is fixed. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): NodeHttpHandlerOptions {
    return {};
  }
}

const NAMES: Readonly<Record<string, string>> = {
  PUT: 'PutObject',
  GET: 'GetObject',
  HEAD: 'HeadObject',
  DELETE: 'DeleteObject',
};

/** What S3's interface and price list call a request of ours. */
function nameOf({ method, query }: HandledRequest): string {
  if (query['list-type'] !== undefined) return 'ListObjectsV2';
  if (query['versioning'] !== undefined) return 'GetBucketVersioning';
  return NAMES[method] ?? method;
}

/** The choice as the SDK's configuration takes it. */
export function asRequestHandler(choice: ConnectionChoice): NonNullable<S3ClientConfig['requestHandler']> {
  return choice;
}

function handler(agent: { keepAlive: boolean; maxSockets?: number }, log: Logger): NodeHttpHandler {
  const say = (...words: unknown[]): void =>
    log.warn('the S3 client complains', { words: words.map(String).join(' ') });
  const quiet = (): void => undefined;
  return new NodeHttpHandler({
    httpAgent: new HttpAgent(agent),
    httpsAgent: new HttpsAgent(agent),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    logger: { debug: quiet, info: quiet, trace: quiet, warn: say, error: say },
  });
}
