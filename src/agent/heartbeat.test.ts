import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { parseHeartbeatLine, type HeartbeatLine } from '../api/index.ts';
import { createMetrics, silentLogger, systemClock, systemRandom } from '../base/index.ts';
import { HeartbeatHub } from './heartbeat-hub.ts';
import { HeartbeatClient, type HeartbeatView } from './heartbeat/index.ts';
import { startAgentHttp } from './http.ts';

const line = (change: Partial<HeartbeatLine> = {}): HeartbeatLine => ({
  v: 1,
  pod: 'orders-a',
  uid: 'uid-a',
  shard: 'orders',
  namespace: 'default',
  state: 'tailing',
  term: 0,
  appliedOffset: 10,
  headOffset: 12,
  peers: [],
  uptimeMs: 5,
  eventLoopLagMs: 0,
  ...change,
});

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** An agent's HTTP side whose state the test holds. */
async function agent(): Promise<{
  port: number;
  hub: HeartbeatHub;
  say: (change: Partial<HeartbeatLine>) => void;
  close: () => Promise<void>;
}> {
  let current = line();
  const hub = new HeartbeatHub(systemClock, () => current);
  const server = await startAgentHttp({
    host: '127.0.0.1',
    port: 0,
    hub,
    metrics: createMetrics(),
    status: () => current,
    ready: () => current.state === 'tailing',
    alive: () => true,
  });
  hub.start();
  cleanups.push(async () => {
    await hub.stop();
    await server.close();
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    hub,
    say: (change) => {
      current = line(change);
      hub.publish();
    },
    close: async () => {
      await hub.stop();
      await server.close();
    },
  };
}

function listen(
  port: number,
  uid = 'uid-a',
): { views: HeartbeatView[]; until: (wanted: (view: HeartbeatView) => boolean) => Promise<HeartbeatView> } {
  const views: HeartbeatView[] = [];
  let check: () => void = () => undefined;
  const client = new HeartbeatClient({
    host: '127.0.0.1',
    port,
    uid,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    onChange: (view) => {
      views.push(view);
      check();
    },
  });
  const stop = new AbortController();
  const running = client.run(stop.signal);
  cleanups.push(async () => {
    stop.abort(new Error('over'));
    await running;
  });
  return {
    views,
    until: (wanted) =>
      new Promise((resolve) => {
        check = () => {
          const found = views.findLast(wanted);
          if (found) resolve(found);
        };
        check();
      }),
  };
}

describe('heartbeats', () => {
  test('arrive at once on a change, and every line is a valid one', async () => {
    const { port, say } = await agent();
    const listener = listen(port);
    await listener.until((view) => view.line?.state === 'tailing');
    say({ state: 'serving', term: 4 });
    const serving = await listener.until((view) => view.line?.state === 'serving');
    expect(serving).toMatchObject({ connection: { kind: 'open' }, line: { term: 4 } });
    expect(parseHeartbeatLine(JSON.stringify(serving.line))).toMatchObject({ ok: true });
  });

  test('a stream that ends is news at once, and a port without listener is told apart', async () => {
    const { port, close } = await agent();
    const listener = listen(port);
    await listener.until((view) => view.line !== undefined);
    await close();
    expect((await listener.until((view) => view.connection.kind === 'closed')).line).toMatchObject({
      pod: 'orders-a',
    });
    await listener.until((view) => view.connection.kind === 'closed' && view.connection.refused);
  });

  test('lines of another pod that got the same address count as none', async () => {
    const { port } = await agent();
    const listener = listen(port, 'uid-of-the-old-pod');
    expect((await listener.until((view) => view.connection.kind === 'open')).line).toBeUndefined();
    await systemClock.sleep(50);
    expect(listener.views.every((view) => view.line === undefined)).toBe(true);
  });

  test('lines that are no heartbeats are passed over, and the stream goes on', async () => {
    const server: Server = createServer((_request, response) => {
      response.write('not json\n{"v":1}\n');
      const whole = `${JSON.stringify(line({ term: 7 }))}\n`;
      response.write(whole.slice(0, 20));
      systemClock.timer(10, () => response.write(whole.slice(20)));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    cleanups.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const listener = listen((server.address() as AddressInfo).port);
    expect((await listener.until((view) => view.line !== undefined)).line).toMatchObject({ term: 7 });
  });
});

test('the agent answers health, readiness, status and metrics, and takes no orders', async () => {
  const { port, say } = await agent();
  const get = async (path: string, method = 'GET'): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
  expect([await get('/livez'), await get('/readyz'), await get('/metrics'), await get('/v1/status')]).toEqual(
    [200, 200, 200, 200],
  );
  say({ state: 'restoring' });
  expect(await get('/readyz')).toBe(503);
  for (const path of ['/v1/status', '/v1/promote', '/livez']) expect(await get(path, 'POST')).toBe(404);
});
