/**
 * The agent's HTTP side: read-only (DESIGN §4.4). Health, metrics, status, heartbeats; it takes no orders.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { HeartbeatLine } from '../api/index.ts';
import { ensureError, type Metrics } from '../base/index.ts';
import type { HeartbeatHub } from './heartbeat-hub.ts';

export interface AgentHttpOptions {
  readonly host: string;
  readonly port: number;
  readonly hub: HeartbeatHub;
  readonly metrics: Metrics;
  readonly status: () => HeartbeatLine;
  readonly ready: () => boolean;
  readonly alive: () => boolean;
  /** Of an application that has one (Application.stateHash). */
  readonly stateHash?: (() => Promise<string>) | undefined;
}

/** Starts listening; resolves with the server. */
export async function startAgentHttp(options: AgentHttpOptions): Promise<FastifyInstance> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  server.get('/livez', (_request, reply) =>
    reply.code(options.alive() ? 200 : 503).send(options.alive() ? 'ok\n' : 'event loop stuck\n'),
  );
  server.get('/readyz', (_request, reply) => {
    const ready = options.ready();
    return reply.code(ready ? 200 : 503).send(ready ? 'ok\n' : `not ready: ${options.status().state}\n`);
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.render()),
  );
  server.get('/v1/status', (_request, reply) => reply.send(options.status()));
  const { stateHash } = options;
  if (stateHash)
    server.get('/v1/state-hash', async (_request, reply) => {
      try {
        return await reply.type('text/plain').send(`${await stateHash()}\n`);
      } catch (error) {
        return await reply.code(503).send(`no state to digest: ${ensureError(error).message}\n`);
      }
    });
  server.get('/v1/heartbeat', (_request, reply) => {
    reply.hijack();
    if (!options.hub.add(reply.raw)) reply.raw.writeHead(503).end('too many listeners\n');
  });
  await server.listen({ host: options.host, port: options.port });
  return server;
}
