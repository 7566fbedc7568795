/**
 * What of the state an agent shows on demand.
 */
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import type { HeartbeatLine } from '../api/index.ts';
import { createMetrics, systemClock } from '../base/index.ts';
import { HeartbeatHub } from './heartbeat-hub.ts';
import { startAgentHttp } from './http.ts';

/** What `GET /v1/state-hash` answers, of an application with this digest. */
async function asked(stateHash?: () => Promise<string>): Promise<readonly [number, string]> {
  const status = (): HeartbeatLine => ({ state: 'tailing' }) as HeartbeatLine;
  const server = await startAgentHttp({
    host: '127.0.0.1',
    port: 0,
    hub: new HeartbeatHub(systemClock, status),
    metrics: createMetrics(),
    status,
    ready: () => true,
    alive: () => true,
    stateHash,
  });
  try {
    const { port } = server.server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/v1/state-hash`);
    return [answer.status, await answer.text()];
  } finally {
    await server.close();
  }
}

test('the digest of the state is told on demand, or why there is none now; an application without one has no such route', async () => {
  expect(await asked(() => Promise.resolve('7/1/abc'))).toEqual([200, '7/1/abc\n']);
  expect(await asked(() => Promise.reject(new Error('it has no state yet')))).toEqual([
    503,
    'no state to digest: it has no state yet\n',
  ]);
  expect((await asked())[0]).toBe(404);
});
