import { describe, expect, test } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { createMetrics, silentLogger } from '../src/base/index.ts';
import { startHealthServer } from './health.ts';

describe('the health server', () => {
  test('answers probes by what it is told, shows metrics, and takes no orders', async () => {
    const metrics = createMetrics();
    metrics.counter({ name: 'things_total', help: 'things' }).add(2);
    let ready = false;
    const server = await startHealthServer({
      host: '127.0.0.1',
      port: 0,
      metrics,
      log: silentLogger,
      liveness: () => ({ ok: true, details: ['event loop turns'] }),
      readiness: () => ({ ok: ready, details: ['pods: not synced yet'] }),
    });
    try {
      const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
        const answer = await fetch(`${root}${path}`, { method });
        return [answer.status, await answer.text()];
      };
      expect(await get('/livez')).toEqual([200, 'event loop turns\n']);
      expect(await get('/healthz')).toEqual([200, 'event loop turns\n']);
      expect(await get('/readyz')).toEqual([503, 'pods: not synced yet\n']);
      ready = true;
      expect((await get('/readyz?verbose'))[0]).toBe(200);
      expect((await get('/metrics'))[1]).toContain('things_total 2');
      expect((await get('/else'))[0]).toBe(404);
      expect((await get('/livez', 'POST'))[0]).toBe(405);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
