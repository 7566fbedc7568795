import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { resetSocket } from './reset-socket.ts';

let client: Socket;
let server: Socket;
const listener = createServer({ allowHalfOpen: true });

beforeEach(async () => {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  [[server]] = (await Promise.all([once(listener, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.on('error', () => undefined).resume();
});
afterEach(async () => {
  server.destroy();
  await new Promise((resolve) => listener.close(resolve));
});

/** How the socket closed: 'clean', or with which error. */
async function closing(socket: Socket, act: () => void): Promise<string> {
  const errors: string[] = [];
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  act();
  await closed;
  return errors.join() || 'clean';
}

describe('a connection is reset', () => {
  test('that lives: the other side meets a reset', async () => {
    const other = closing(server, () => undefined);
    expect(await closing(client, () => resetSocket(client))).toBe('clean');
    expect(await other).toBe('ECONNRESET');
  });

  test('while its end is on the way, without leaving a descriptor that Node has forgotten', async () => {
    const outcome = await closing(client, () => {
      client.end();
      process.nextTick(() =>
        process.nextTick(() => {
          expect([client.writableEnded, client.writableFinished]).toEqual([true, false]);
          resetSocket(client);
        }),
      );
    });
    expect(outcome).toBe('clean');
  });
});
