/**
 * What each state of the wire looks like from both of its ends.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** Long enough for bytes to cross loopback on a busy machine; only used where nothing must arrive. */
const SILENCE_MS = 150;

let server: Server;
let proxy: TcpProxy;
/** What the server was told, in all. */
let told = '';
const clients: Socket[] = [];

beforeEach(async () => {
  told = '';
  server = createServer((socket) => {
    socket.on('error', () => {}); // resets are the point of some tests
    socket.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      socket.write(text.toUpperCase());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await startTcpProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

interface Client {
  readonly socket: Socket;
  heard(): string;
  /** The code of the error that ended it; undefined for a proper end. */
  readonly over: Promise<string | undefined>;
  hears(text: string): Promise<void>;
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  let heard = '';
  let code: string | undefined;
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
  const over = new Promise<string | undefined>((resolve) => socket.once('close', () => resolve(code)));
  await Promise.race([once(socket, 'connect').catch(() => {}), over]);
  const hears = (text: string): Promise<void> => until(() => heard === text);
  return { socket, heard: () => heard, over, hears };
}

/** Waits for bytes that are on their way; the test's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2);
}
const serverIsTold = (text: string): Promise<void> => until(() => told === text);

describe('a wire', () => {
  test('passes bytes, and the end of them', async () => {
    const one = await client();
    one.socket.write('hello');
    await one.hears('HELLO');
    one.socket.end();
    expect(await one.over).toBeUndefined();
    await until(() => proxy.connections === 0);
  });

  test('passes megabytes to a receiver that is slow to read', async () => {
    const one = await client();
    one.socket.pause();
    const text = 'abcdefgh'.repeat(500_000);
    one.socket.write(text);
    await sleep(SILENCE_MS);
    one.socket.resume();
    await one.hears(text.toUpperCase());
  });

  test('that refuses is a host where nobody listens, and is back on the same port', async () => {
    const one = await client();
    const { port } = proxy;
    await proxy.set({ kind: 'refuse' });
    expect(await one.over).toBe('ECONNRESET');
    expect(await (await client()).over).toBe('ECONNREFUSED');
    await proxy.set({ kind: 'pass' });
    expect(proxy.port).toBe(port);
    const two = await client();
    two.socket.write('again');
    await two.hears('AGAIN');
  });

  test('reset ends what lives and nothing else', async () => {
    const one = await client();
    one.socket.write('x');
    await one.hears('X');
    proxy.reset();
    expect(await one.over).toBe('ECONNRESET');
    const two = await client();
    two.socket.write('y');
    await two.hears('Y');
  });

  test('that holds delivers everything when it is over, even of a client that has gone', async () => {
    const one = await client();
    await proxy.set({ kind: 'hold' });
    one.socket.write('late');
    one.socket.end();
    await sleep(SILENCE_MS);
    expect(told).toBe('');
    await proxy.set({ kind: 'pass' });
    await serverIsTold('late');
  });

  test('that holds only answers lets the server do what it is asked', async () => {
    const one = await client();
    await proxy.set({ kind: 'hold', direction: 'to-client' });
    one.socket.write('done');
    await serverIsTold('done');
    await sleep(SILENCE_MS);
    expect(one.heard()).toBe('');
    await proxy.set({ kind: 'pass' });
    await one.hears('DONE');
  });

  test.each([undefined, 'to-server', 'to-client'] as const)(
    'that swallows (%s) says nothing, and never continues a stream with bytes missing',
    async (direction) => {
      const one = await client();
      await proxy.set({ kind: 'swallow', direction });
      one.socket.write('lost');
      if (direction === 'to-client') await serverIsTold('lost');
      await sleep(SILENCE_MS);
      expect(one.heard()).toBe('');
      expect(told).toBe(direction === 'to-client' ? 'lost' : '');
      await proxy.set({ kind: 'pass' });
      expect(await one.over).toBe('ECONNRESET');
    },
  );

  test('that swallows one direction spares connections that sent nothing there', async () => {
    const one = await client();
    await proxy.set({ kind: 'swallow', direction: 'to-client' });
    await proxy.set({ kind: 'pass' });
    one.socket.write('kept');
    await one.hears('KEPT');
  });

  test.each([0, 3])('cuts after %i bytes of the answer: the server has acted', async (afterBytes) => {
    const one = await client();
    await proxy.set({ kind: 'cut', afterBytes });
    one.socket.write('commit');
    expect(await one.over).toBe('ECONNRESET');
    expect(told).toBe('commit');
    expect(one.heard()).toBe('COMMIT'.slice(0, afterBytes));
    expect(proxy.cuts).toBe(1);
  });

  test('that delays or throttles keeps the order', async () => {
    const one = await client();
    await proxy.set({ kind: 'delay', ms: 20 });
    for (const text of ['a', 'b', 'c']) {
      one.socket.write(text);
      await sleep(5);
    }
    await one.hears('ABC');
    await proxy.set({ kind: 'throttle', bytesPerSecond: 1000 });
    const startedMs = performance.now();
    one.socket.write('x'.repeat(100));
    await one.hears(`ABC${'X'.repeat(100)}`);
    expect(performance.now() - startedMs).toBeGreaterThan(150); // at least 0.1 s in each direction, less the timers' grain
  });

  test('before a server that is not there resets its clients', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await (await client()).over).toBe('ECONNRESET');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
});
