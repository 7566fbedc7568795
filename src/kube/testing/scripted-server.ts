/**
 * An API server that says exactly what a test tells it to, over real HTTP: for everything that a good server never does.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../base/index.ts';
import { systemRandom } from '../../base/index.ts';
import { connectKube } from '../connect.ts';
import type { KubeClient } from '../types.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
  readonly body: unknown;
}

/** Answers one request: a status with a body, or whatever it does with the response itself. */
export type Script =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | ((response: ServerResponse) => void);

/** Cuts the connection without an answer. */
export const RESET: Script = (response) => void response.socket?.destroy();
/** Never answers. */
export const SILENCE: Script = () => undefined;

export class ScriptedServer {
  readonly seen: SeenRequest[] = [];
  /** What comes next; the last one is repeated. */
  script: Script[] = [];
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static start(): Promise<ScriptedServer> {
    const server = createServer();
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(new ScriptedServer(server))));
  }

  client(clock: Clock): KubeClient {
    return connectKube({ clock, random: systemRandom, fieldManager: 'test', server: this.url });
  }

  /** Connections that are open now. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    this.seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      contentType: request.headers['content-type'],
      authorization: request.headers.authorization,
      userAgent: request.headers['user-agent'],
      body: text === '' ? undefined : JSON.parse(text),
    });
    const script = this.script.length > 1 ? this.script.shift()! : this.script[0];
    if (script === undefined) throw new Error('nothing was scripted');
    if (typeof script === 'function') return script(response);
    const body = typeof script.body === 'string' ? script.body : JSON.stringify(script.body ?? {});
    response.writeHead(script.status, { 'content-type': 'application/json', ...script.headers }).end(body);
  }
}

/** A Status answer, as the API server gives it. */
export function refusal(code: number, reason: string, details?: unknown): Script {
  return { status: code, body: { kind: 'Status', code, reason, message: `because ${reason}`, details } };
}

/** An answer that is an object. */
export function found(name: string, resourceVersion = '7'): Script {
  return { status: 200, body: { metadata: { name, uid: `uid-${name}`, resourceVersion } } };
}
