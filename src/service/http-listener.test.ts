import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import { request } from 'undici';
import { silentLogger, systemClock } from '../base/index.ts';
import { listenHttp } from './http-listener.ts';
import type { Listener } from './service.ts';

async function listening(): Promise<{ readonly listener: Listener; readonly url: string }> {
  const server = fastify({ return503OnClosing: false, forceCloseConnections: 'idle' });
  server.put('/v', () => 'done');
  const ports = { host: '127.0.0.1', port: 0, clock: systemClock, log: silentLogger };
  const listener = await listenHttp(server, ports);
  return { listener, url: `http://127.0.0.1:${listener.port}/v` };
}

test('it answers until it is closed, and lets the port go', async () => {
  const { listener, url } = await listening();
  const reply = await request(url, { method: 'PUT' });
  expect([reply.statusCode, await reply.body.text()]).toEqual([200, 'done']);
  await listener.close();
  await expect(request(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a client that never finishes its request does not hold close up', async () => {
  const { listener } = await listening();
  const socket = connect(listener.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PUT /v HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf');
  socket.on('error', () => undefined).resume(); // a reset is what is expected
  const gone = once(socket, 'close');
  await listener.close();
  await gone;
});
