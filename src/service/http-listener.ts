/**
 * An HTTP server as a service's listener: open on its port, and closed in bounded time.
 */
import type { FastifyInstance } from 'fastify';
import { assert, ensureError } from '../base/index.ts';
import type { Listener, ServiceContext } from './service.ts';

/** How long close lets answers go out before it cuts connections, ms. */
const CLOSE_GRACE_MS = 1_000;

/** Listens with `server`, whose routes are complete. @throws what listening throws (EADDRINUSE …) */
export async function listenHttp(
  server: FastifyInstance,
  { host, port, clock, log }: Pick<ServiceContext, 'host' | 'port' | 'clock' | 'log'>,
): Promise<Listener> {
  await server.listen({ host, port });
  const address = server.server.address();
  assert(typeof address === 'object' && address !== null, 'a listening server has an address');
  return {
    port: address.port,
    close: async () => {
      const cut = clock.timer(CLOSE_GRACE_MS, () => server.server.closeAllConnections());
      try {
        await server.close();
      } catch (error) {
        log.warn('The HTTP server did not close cleanly.', { error: ensureError(error) });
      } finally {
        cut.cancel();
      }
    },
  };
}
