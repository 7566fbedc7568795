/**
 * The harness' own client of the API server: certificates, JSON, list and watch. Deliberately not the product's
 * client (src/kube), so that a fault of that one cannot hide itself from the tests.
 *
 * 1. Every answer outside 2xx is an ApiStatusError that carries the status code and the server's reason.
 * 2. A request has a deadline; a watch has none, and ends when its connection ends or its signal fires.
 * 3. HTTP/1.1, as the product: undici would take HTTP/2 when it is offered, and Node's session then spins without end, taking memory by the gigabyte, when
 *    requests are given up while the API server is away.
 */
import { Agent, buildConnector, request } from 'undici';
import { HarnessError } from './errors.ts';
import type { KubeObject } from './kube-types.ts';

/** As the kubelet: a request that takes longer is tried again by its caller. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Who speaks to whom. */
export interface ApiAccess {
  /** `https://host:port` as in a kubeconfig. */
  readonly server: string;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** Dial this address instead of the server's own (a node's gateway); certificates are checked all the same. */
  readonly via?: string;
  /** Awaited before every request: a frozen node's agent says nothing. */
  readonly gate?: () => Promise<void>;
}

/** The API server said no. */
export class ApiStatusError extends HarnessError {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super('API_STATUS', message, { fields: { status, reason } });
    this.status = status;
    this.reason = reason;
  }
}

/** True for an ApiStatusError with one of the statuses. */
export function hasStatus(thrown: unknown, ...statuses: readonly number[]): boolean {
  return thrown instanceof ApiStatusError && statuses.includes(thrown.status);
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** A collection as it was at one resourceVersion. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

interface Collection<T> {
  readonly items: readonly T[] | null;
  readonly metadata: { readonly resourceVersion: string };
}

export type PatchType = 'merge-patch+json' | 'strategic-merge-patch+json' | 'apply-patch+yaml';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface RequestOptions {
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** See the header. Paths start with `/api/v1/…` or `/apis/…`. */
export class ApiClient {
  readonly #origin: string;
  readonly #agent: Agent;
  readonly #gate: (() => Promise<void>) | undefined;

  constructor(access: ApiAccess) {
    this.#origin = access.server;
    this.#gate = access.gate;
    const connect = buildConnector({
      ca: access.caPem,
      cert: access.certPem,
      key: access.keyPem,
      timeout: REQUEST_TIMEOUT_MS,
      allowH2: false, // 3
    });
    const { via } = access;
    this.#agent = new Agent({
      bodyTimeout: 0,
      connect: (options, callback) =>
        via === undefined
          ? connect(options, callback)
          : connect(
              { ...options, host: `${via}:${options.port}`, hostname: via, servername: 'localhost' },
              callback,
            ),
    });
  }

  /** One request; resolves with the decoded JSON. */
  async request<T>(method: Method, path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    return JSON.parse(await this.text(path, method, body, options)) as T;
  }

  /** One request; resolves with the body as it came. */
  async text(
    path: string,
    method: Method = 'GET',
    body?: unknown,
    options: RequestOptions = {},
  ): Promise<string> {
    await this.#gate?.();
    const deadline = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await request(`${this.#origin}${path}`, {
      dispatcher: this.#agent,
      method,
      signal: options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]),
      headers: { accept: 'application/json', 'content-type': options.contentType ?? 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode < 200 || response.statusCode > 299)
      throw statusError(response.statusCode, text, method, path);
    return text;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.request<T>('GET', path, undefined, signal === undefined ? {} : { signal });
  }

  create<T>(path: string, object: object): Promise<T> {
    return this.request<T>('POST', path, object);
  }

  patch<T>(
    path: string,
    patch: object,
    type: PatchType = 'merge-patch+json',
    signal?: AbortSignal,
  ): Promise<T> {
    const contentType = `application/${type}`;
    return this.request<T>(
      'PATCH',
      path,
      patch,
      signal === undefined ? { contentType } : { contentType, signal },
    );
  }

  async delete(path: string, options: object = {}): Promise<void> {
    await this.request('DELETE', path, { kind: 'DeleteOptions', apiVersion: 'v1', ...options });
  }

  async list<T extends KubeObject>(path: string, signal?: AbortSignal): Promise<Listed<T>> {
    const list = await this.get<Collection<T>>(path, signal);
    return { items: list.items ?? [], resourceVersion: list.metadata.resourceVersion };
  }

  /** Events after `resourceVersion` until the connection ends. An ERROR event (410 among them) is thrown as ApiStatusError. */
  async *watch<T extends KubeObject>(
    path: string,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    await this.#gate?.();
    const separator = path.includes('?') ? '&' : '?';
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`;
    const response = await request(`${this.#origin}${path}${separator}${query}`, {
      dispatcher: this.#agent,
      signal,
      headers: { accept: 'application/json' },
    });
    if (response.statusCode !== 200)
      throw statusError(response.statusCode, await response.body.text(), 'GET', path);
    let rest = '';
    response.body.setEncoding('utf8');
    for await (const chunk of response.body) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') continue;
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === 'ERROR') throw statusError(500, JSON.stringify(event.object), 'GET', path);
        yield event;
      }
    }
  }

  /** Ends every connection at once. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function statusError(code: number, text: string, method: string, path: string): ApiStatusError {
  let status: { code?: number; reason?: string; message?: string } = {};
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    status = { message: text.slice(0, 500) };
  }
  const what = `${method} ${path}: ${status.code ?? code} ${status.reason ?? ''} ${status.message ?? ''}`;
  return new ApiStatusError(status.code ?? code, status.reason ?? '', what.trim());
}
