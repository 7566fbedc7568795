/**
 * The operator's HTTP side: is it alive, is it ready, what has it counted. It takes no orders.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { ensureError, type Logger, type Metrics } from '../src/base/index.ts';
import type { Health } from './runtime/index.ts';

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly liveness: () => Health;
  readonly readiness: () => Health;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A probe that sends its request slower than this is no probe. */
const REQUEST_MS = 5_000;

/** Listens; rejects when the address cannot be had. Close the server to end it. */
export async function startHealthServer(options: HealthOptions): Promise<Server> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      answer(request.method, request.url, response, options).catch((thrown: unknown) => {
        options.log.error('a health request failed', { error: ensureError(thrown) });
        response.destroy();
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}

async function answer(
  method: string | undefined,
  url: string | undefined,
  response: ServerResponse,
  options: HealthOptions,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    text(response, 405, 'only GET\n');
    return;
  }
  switch (url?.split('?')[0] ?? '') {
    case '/livez':
    case '/healthz':
      health(response, options.liveness());
      return;
    case '/readyz':
      health(response, options.readiness());
      return;
    case '/metrics':
      text(response, 200, await options.metrics.render(), options.metrics.contentType);
      return;
    default:
      text(response, 404, 'not found; try /livez, /readyz or /metrics\n');
  }
}

function health(response: ServerResponse, { ok, details }: Health): void {
  text(response, ok ? 200 : 503, `${details.join('\n')}\n`);
}

function text(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}
