/**
 * transport: one HTTP exchange with the API server. Who we are and whom we trust comes from client-node's KubeConfig; the exchange itself is ours,
 * because every call needs a deadline, a bound on what it reads, and watches a connection pool of their own.
 *
 * T1  A call ends by its answer, its deadline or the caller's signal; whichever comes first also ends its connection.
 * T2  Failures are told apart here and nowhere else (errors.ts). Bodies never get into messages beyond the server's own Status text.
 * T3  Long streams have their own connections: a hundred watches never make a call wait for a socket.
 * T4  After close nothing is sent any more.
 */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { deadline, ensureError, isAbortOf, raceAbort, type Clock } from '../base/index.ts';
import { KubeError } from './errors.ts';
import { failureOf } from './status.ts';
import type { TokenFile } from './token-file.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Exchange {
  readonly method: Method;
  /** Path with query. */
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: unknown;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Longest answer taken, bytes: a page of 500 large objects stays far below; anything longer is no answer to a call of ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Idle connections are kept this long, ms: less than the server's own limit, so that it is we who close. */
const KEEP_ALIVE_MS = 30_000;

export interface TransportParts {
  readonly config: KubeConfig;
  /** Who we are, when that is a token in a file. */
  readonly tokenFile: TokenFile | undefined;
  readonly clock: Clock;
  readonly userAgent: string;
}

export class Transport {
  readonly #config: KubeConfig;
  readonly #tokenFile: TokenFile | undefined;
  readonly #server: URL;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #calls: HttpAgent;
  readonly #streams: HttpAgent;
  #closed = false;

  /** @throws KubeError when the configuration names no cluster, or one behind a proxy */
  constructor({ config, tokenFile, clock, userAgent }: TransportParts) {
    const cluster = config.getCurrentCluster();
    if (!cluster)
      throw new KubeError(
        'KUBE_UNREACHABLE',
        'The configuration names no cluster: set KUBECONFIG or run in a pod.',
        {
          retryable: false,
        },
      );
    if (cluster.proxyUrl !== undefined)
      throw new KubeError(
        'KUBE_UNREACHABLE',
        'The kubeconfig asks for a proxy (proxy-url), which is not supported: use a direct way to the API server.',
        { retryable: false },
      );
    this.#config = config;
    this.#tokenFile = tokenFile;
    this.#server = new URL(cluster.server);
    this.#clock = clock;
    this.#userAgent = userAgent;
    const Agent = this.#server.protocol === 'https:' ? HttpsAgent : HttpAgent;
    this.#calls = new Agent({ keepAlive: true, timeout: KEEP_ALIVE_MS });
    this.#streams = new Agent({ keepAlive: false });
  }

  /** One call. @returns the parsed answer @throws KubeError, the signal's reason (T1, T2) */
  async call(exchange: Exchange): Promise<unknown> {
    const { method, path, deadlineMs, signal } = exchange;
    const limit = deadline(this.#clock, deadlineMs, 'the answer', signal);
    try {
      const response = await this.#send(exchange, this.#calls, limit.signal);
      const text = await readAll(response, limit.signal);
      const status = response.statusCode ?? 0;
      if (status >= 300) throw this.#refused(status, response.headers, text);
      return parseJson(text);
    } catch (error) {
      throw told(error, signal, limit.signal, `${method} ${pathOnly(path)}`);
    } finally {
      limit.clear();
    }
  }

  /** Opens a stream; resolves when the server has accepted it. The signal ends it. @throws as call */
  async stream(path: string, deadlineMs: number, signal: AbortSignal): Promise<IncomingMessage> {
    const opening = deadline(this.#clock, deadlineMs, 'the answer', signal);
    const whole = new AbortController();
    const end = (): void => whole.abort(opening.signal.reason);
    opening.signal.addEventListener('abort', end, { once: true });
    try {
      const exchange: Exchange = { method: 'GET', path, deadlineMs, signal };
      const response = await this.#send(exchange, this.#streams, whole.signal);
      const status = response.statusCode ?? 0;
      if (status >= 300)
        throw this.#refused(status, response.headers, await readAll(response, opening.signal));
      signal.addEventListener('abort', () => response.destroy(), { once: true });
      return response;
    } catch (error) {
      throw told(error, signal, opening.signal, `GET ${pathOnly(path)}`);
    } finally {
      opening.signal.removeEventListener('abort', end);
      opening.clear();
    }
  }

  /** T4 */
  close(): void {
    this.#closed = true;
    this.#calls.destroy();
    this.#streams.destroy();
  }

  #refused(status: number, headers: IncomingHttpHeaders, body: string): KubeError {
    if (status === 401) this.#tokenFile?.expire();
    return failureOf(status, headers, body);
  }

  /** What the configuration says about us, whom we trust, and the token. */
  async #identify(options: RequestOptions & { headers: Record<string, string> }): Promise<void> {
    await this.#config.applyToHTTPSOptions(options);
    if (this.#tokenFile) options.headers['authorization'] = `Bearer ${await this.#tokenFile.token()}`;
  }

  async #send(exchange: Exchange, agent: HttpAgent, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, path, contentType = 'application/json', body } = exchange;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const identity: Record<string, string> = {};
    const options = { headers: identity };
    await raceAbort(this.#identify(options), signal); // may run a program of the kubeconfig (T1)
    if (this.#closed) throw new KubeError('KUBE_UNREACHABLE', 'The client is closed.', { retryable: false });
    const secure = this.#server.protocol === 'https:';
    const prefix = this.#server.pathname.replace(/\/$/, '');
    return await new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(
        {
          ...options,
          agent,
          method,
          protocol: this.#server.protocol,
          hostname: this.#server.hostname.replace(/^\[|\]$/g, ''),
          port: this.#server.port || (secure ? 443 : 80),
          path: prefix + path,
          headers: {
            ...identity,
            accept: 'application/json',
            'user-agent': this.#userAgent,
            ...(payload ? { 'content-type': contentType, 'content-length': payload.length } : {}),
          },
          signal,
        },
        resolve,
      );
      request.on('error', reject);
      request.end(payload);
    });
  }
}

async function readAll(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      response.destroy();
      throw new KubeError('KUBE_BAD_RESPONSE', `The answer is longer than ${MAX_ANSWER_BYTES} bytes.`, {
        retryable: false,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // T2: what the parser says quotes the text
    throw new KubeError(
      'KUBE_BAD_RESPONSE',
      `The answer of the API server, ${text.length} characters, is no JSON.`,
      { retryable: true },
    );
  }
}

/** What the caller is told: its own abort, an error of ours, or that there was no answer and why (`limit`: the call's own deadline). */
function told(thrown: unknown, signal: AbortSignal | undefined, limit: AbortSignal, what: string): unknown {
  if (signal?.aborted && (isAbortOf(signal, thrown) || !(thrown instanceof KubeError))) return signal.reason;
  if (thrown instanceof KubeError) return thrown;
  const cause = ensureError(limit.aborted ? limit.reason : thrown);
  return new KubeError('KUBE_UNREACHABLE', `The API server did not answer ${what}: ${cause.message}`, {
    retryable: true,
    cause,
  });
}

function pathOnly(path: string): string {
  return path.split('?', 1)[0]!;
}
