/**
 * A store that ignores If-None-Match, made of one that does not: a proxy that removes the object just before a conditional create is passed on,
 * so that the condition always holds. (The header itself cannot be dropped: it is part of what the client has signed.)
 */
import { rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { freePort, type S3Server } from '../cluster/index.ts';

export interface CarelessStore {
  readonly endpoint: string;
  /** Conditional creates that have passed. */
  readonly ignored: () => number;
  close(): Promise<void>;
}

/** Stands in front of `store` until closed. */
export async function startCarelessStore(store: S3Server): Promise<CarelessStore> {
  const port = await freePort();
  let ignored = 0;
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(new URL(incoming.url ?? '/', store.endpoint).pathname);
    if (incoming.method === 'PUT' && incoming.headers['if-none-match'] !== undefined) {
      ignored += 1;
      await rm(join(store.directory, path), { force: true });
    }
    const { method, headers, url } = incoming;
    const onward = request({ host: '127.0.0.1', port: store.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', (error) => outgoing.destroy(error));
    incoming.pipe(onward);
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    ignored: () => ignored,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
