/**
 * HTTP for the S3 clients: a pool of kept connections, and connections of one request for retries.
 *
 * H1  A request marked fresh never travels on a connection that another request used: what went silent there could be the connection
 *     (s3log.md §1.6, A4).
 * H2  Nothing here repeats a request or ends one by time; deadlines are the caller's signal, since the SDK's requestTimeout only warns
 *     (s3log.md §1.3). Only connecting has a time limit of its own.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import type { Logger } from '../../base/index.ts';

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

export class ConnectionChoice {
  readonly #pooled: NodeHttpHandler;
  readonly #fresh: NodeHttpHandler;
  readonly metadata: NodeHttpHandler['metadata'];

  /** `sockets`: most connections kept at a time; further requests wait for one. */
  constructor(sockets: number, log: Logger) {
    this.#pooled = handler({ keepAlive: true, maxSockets: sockets }, log);
    this.#fresh = handler({ keepAlive: false }, log);
    this.metadata = this.#pooled.metadata;
  }

  /** Sends one request; `options` are SendOptions, which the SDK hands through as its own type. */
  handle(request: HandledRequest, options: HandledOptions = {}): Handled {
    const fresh = (options as Partial<SendOptions>).freshConnection === true;
    return (fresh ? this.#fresh : this.#pooled).handle(request, options); // H1
  }

  destroy(): void {
    this.#pooled.destroy();
    this.#fresh.destroy();
  }

  /** This and the next are demanded by the SDK's interface and have nothing to do: the configuration is fixed. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): NodeHttpHandlerOptions {
    return {};
  }
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
