import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { silentLogger, systemClock, systemRandom } from '../base/index.ts';
import { Peers } from './peers.ts';
import { checkMove, isReady } from './state.ts';

const replica = (pod: string, address: string) => ({
  pod,
  uid: `uid-${pod}`,
  role: 'none' as const,
  state: 'unknown' as const,
  address,
});

function speaking(pod: string): Promise<Server> {
  const line = {
    v: 1,
    pod,
    uid: `uid-${pod}`,
    shard: 's',
    namespace: 'n',
    state: 'serving',
    term: 1,
    appliedOffset: 0,
    headOffset: 0,
    peers: [],
    uptimeMs: 1,
    eventLoopLagMs: 0,
  };
  const server = createServer((_request, response) => void response.write(`${JSON.stringify(line)}\n`));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

describe('the view of the peers', () => {
  test('is of every replica but oneself, and follows the status', async () => {
    const server = await speaking('b');
    const peers = new Peers({
      self: 'a',
      port: (server.address() as AddressInfo).port,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
    });
    peers.follow([replica('a', '127.0.0.1'), replica('b', '127.0.0.1')]);
    while (!peers.view('b')?.line) await systemClock.sleep(5);
    expect(peers.report()).toEqual([{ pod: 'b', silentMs: expect.any(Number), state: 'serving' }]);
    peers.follow([replica('a', '127.0.0.1')]);
    expect(peers.report()).toEqual([]);
    peers.stop();
    server.closeAllConnections();
    server.close();
  });
});

describe('the states of an agent', () => {
  test('only move forward, and nothing leaves the last one', () => {
    const stopped = {
      kind: 'stopped',
      exit: { code: 0, reason: 'Released', message: '', released: true },
    } as const;
    expect(() => checkMove({ kind: 'starting' }, stopped)).not.toThrow();
    expect(() => checkMove(stopped, { kind: 'starting' })).toThrow(/S1/);
    expect([isReady({ kind: 'starting' }), isReady(stopped)]).toEqual([false, false]);
  });
});
