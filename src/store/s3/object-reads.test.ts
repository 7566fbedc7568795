/**
 * Reading objects over plain HTTP, against a peer that writes bytes as the test says: heads in crumbs, bodies in any pieces, over kept connections.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { equalBytes } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { BodyPool } from '../body-pool.ts';
import { PART_BYTES } from './object-body.ts';
import { isObjectRead, ObjectReads, type ReadRequest, type ReadResponse } from './object-reads.ts';
import { MOST_HEAD_BYTES, ReadMemory } from './read-memory.ts';

const CONNECT_MS = 3000;
const KIB = 1024;

/** Answers one request; the path tells which. */
type Peer = (socket: Socket, path: string) => Promise<void>;

let server: Server;
let sockets: Socket[];
let peer: Peer;
let port: number;
let reads: ObjectReads;

const pause = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const content = (path: string, bytes: number): Uint8Array => {
  const random = seededRandom(path.length + bytes);
  const block = random.bytes(4099);
  return Uint8Array.from({ length: bytes }, (_, i) => block[i % 4099]! ^ (i >>> 12));
};
const head = (bytes: number, more = ''): string =>
  `HTTP/1.1 206 Partial Content\r\nContent-Length: ${bytes}\r\nETag: "${'e'.repeat(500)}"\r\n${more}\r\n`;

beforeEach(async () => {
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // the client hung up
    let text = '';
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const path = /^GET (\S+)\?x-id=GetObject /.exec(text)![1]!;
      text = '';
      void peer(socket, path);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  reads = new ObjectReads(2, CONNECT_MS);
});
afterEach(async () => {
  reads.destroy();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => void server.close(resolve));
});

function request(path: string, range?: string): ReadRequest {
  return {
    method: 'GET',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    path,
    query: { 'x-id': 'GetObject' },
    headers: { host: `127.0.0.1:${port}`, ...(range === undefined ? {} : { range }) },
  };
}
const read = async (path: string, range?: string, signal?: AbortSignal): Promise<ReadResponse> =>
  (await reads.handle(request(path, range), signal)).response;

test('bodies are whole although heads come in crumbs and the memory of connections is used again and again', async () => {
  const sizes = [3_000_000, 1, 700_001, 65_536, 2_000_000, 16_384, 1_000_000];
  const random = seededRandom(7);
  peer = async (socket, path) => {
    const body = content(path, sizes[Number(path.slice(1))]!);
    const crumbs = Buffer.from(head(body.length));
    for (let at = 0; at < crumbs.length; at += 97) {
      socket.write(crumbs.subarray(at, at + 97));
      await pause();
    }
    for (let at = 0; at < body.length;) {
      const end = at + 1 + random.below(400_000);
      if (!socket.write(body.subarray(at, end)))
        await new Promise((resolve) => socket.once('drain', resolve));
      at = end;
    }
  };
  const all = sizes.map(async (bytes, i) => {
    const whole = await (await read(`/${i}`, `bytes=0-${bytes - 1}`)).body.whole;
    return whole !== undefined && equalBytes(whole, content(`/${i}`, bytes));
  });
  expect(await Promise.all(all)).toEqual(sizes.map(() => true));
  expect(sockets.length).toBe(2); // kept, and no more than the limit
});

describe('a body', () => {
  test('without a length, or longer than what was asked for, comes as a stream and is not gathered', async () => {
    peer = async (socket, path) => {
      if (path === '/longer') socket.write(`${head(5)}abcde`);
      else
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
    };
    for (const path of ['/longer', '/chunked']) {
      const { body } = await read(path, 'bytes=0-3');
      expect(body.whole).toBeUndefined();
      expect(Buffer.concat(await body.toArray()).toString()).toBe('abcde');
    }
  });

  test('of several parts is one, for whoever wants it whole; or its parts, those too that came before they were asked for', async () => {
    const bytes = 2 * PART_BYTES + 1000;
    peer = async (socket, path) => {
      socket.write(head(bytes));
      socket.write(content(path, bytes));
    };
    const range = `bytes=0-${bytes - 1}`;
    const whole = (await (await read('/w', range)).body.whole)!;
    expect(equalBytes(whole, content('/w', bytes))).toBe(true);
    for (const isLate of [false, true]) {
      const { body } = await read('/p', range);
      if (isLate) while (body.received < PART_BYTES) await pause();
      const parts: Uint8Array[] = [];
      body.deliver((part) => void parts.push(part.bytes));
      expect((await body.whole)!.length).toBe(0);
      expect(parts.map(({ length }) => length)).toEqual([PART_BYTES, PART_BYTES, 1000]);
      expect(equalBytes(Buffer.concat(parts), content('/p', bytes))).toBe(true);
    }
  });

  test('that is all there before its parts are asked for comes whole, and only so', async () => {
    peer = async (socket, path) => {
      socket.write(head(1000));
      socket.write(content(path, 1000));
    };
    const { body } = await read('/small', 'bytes=0-999');
    await body.whole;
    body.deliver(() => expect(false).toBe(true));
    expect(equalBytes((await body.whole)!, content('/small', 1000))).toBe(true);
  });

  test('of an error is a stream for whoever reads its document, with status and headers', async () => {
    peer = async (socket) =>
      void socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-Amz-Request-Id: R1\r\n\r\n<Err>');
    const { statusCode, headers, body } = await read('/gone');
    expect([statusCode, headers['x-amz-request-id']]).toEqual([404, 'R1']);
    expect(Buffer.concat(await body.toArray()).toString()).toBe('<Err>');
  });

  test('that is gathered can be read as a stream too', async () => {
    peer = async (socket) => void socket.write(`${head(3)}abc`);
    const { body } = await read('/three');
    expect(Buffer.concat(await body.toArray()).toString()).toBe('abc');
  });

  test('as a stream waits for its reader: a connection is not read further than it is wanted', async () => {
    let sent = 0;
    peer = async (socket) => {
      socket.write('HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n');
      while (socket.write(Buffer.alloc(64 * KIB)) || socket.writableLength < 4096 * KIB) {
        sent += 64 * KIB;
        if (sent >= 64 * 1024 * KIB) break;
        await pause();
      }
    };
    const { body } = await read('/endless');
    for (let i = 0; i < 50; i++) await pause();
    expect(body.readableLength).toBeLessThan(2048 * KIB);
    body.destroy();
  });

  test('that is cut fails with all who wait for it', async () => {
    peer = async (socket) => void socket.end(`${head(100)}only this`);
    const { body } = await read('/cut');
    await expect(body.whole).rejects.toThrow();
  });

  test('that nobody wants any longer ends its connection', async () => {
    peer = async (socket) => void socket.write(`${head(100)}only this`);
    const { body } = await read('/left');
    const closed = new Promise((resolve) => sockets[0]!.once('close', resolve));
    body.destroy();
    await closed;
    await expect(body.whole).rejects.toThrow('nobody wants');
  });
});

describe('memory that was given back', () => {
  const LARGE = 1024 * KIB;

  test('is used for the next large body of its length, once, and for no other', async () => {
    peer = async (socket, path) => {
      const body = content(path, path === '/other' ? LARGE + 1 : LARGE);
      socket.write(head(body.length));
      socket.write(body);
    };
    const first = (await read('/first')).body;
    const memory = (await first.whole)!;
    first.release();
    first.release();
    const other = (await (await read('/other')).body.whole)!;
    const second = (await (await read('/second')).body.whole)!;
    const third = (await (await read('/third')).body.whole)!;
    expect([
      other.buffer === memory.buffer,
      second.buffer === memory.buffer,
      third.buffer === memory.buffer,
    ]).toEqual([false, true, false]);
    expect(equalBytes(second, content('/second', LARGE))).toBe(true);
    expect(equalBytes(third, content('/third', LARGE))).toBe(true);
  });

  test('is not taken of a body that is not whole: it may still be written to', async () => {
    peer = async (socket, path) => {
      socket.write(head(LARGE));
      if (path === '/whole') socket.write(content(path, LARGE));
    };
    const { body } = await read('/half');
    body.release();
    const whole = (await (await read('/whole')).body.whole)!;
    body.destroy();
    expect(equalBytes(whole, content('/whole', LARGE))).toBe(true);
  });

  test('is kept up to a limit', () => {
    const pool = new BodyPool();
    const given = Array.from({ length: 9 }, () => pool.take(8 * LARGE));
    for (const memory of given) pool.give(memory);
    const taken = Array.from({ length: 9 }, () => pool.take(8 * LARGE));
    expect(taken.filter((memory) => given.includes(memory)).length).toBe(8);
  });
});

describe('the signal', () => {
  const reason = new Error('enough');

  test('ends a request before its head and in the middle of its body, and its connection with it', async () => {
    let onRequest: () => void = () => undefined;
    for (const answer of ['', `${head(100)}only this`]) {
      const stop = new AbortController();
      const asked = new Promise<void>((resolve) => (onRequest = resolve));
      peer = async (socket) => {
        socket.write(answer);
        onRequest();
      };
      const pending = read('/one', undefined, stop.signal);
      pending.catch(() => undefined);
      await asked;
      const closed = new Promise((resolve) => sockets.at(-1)!.once('close', resolve));
      const whole = answer === '' ? pending : (await pending).body.whole;
      stop.abort(reason);
      await expect(whole).rejects.toBe(reason);
      await closed;
    }
  });

  test('that has spoken before sends nothing', async () => {
    await expect(read('/never', undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(sockets).toEqual([]);
  });
});

test('only a GetObject without TLS is read so', () => {
  const one = request('/a');
  expect(isObjectRead(one)).toBe(true);
  expect(isObjectRead({ ...one, protocol: 'https:' })).toBe(false);
  expect(isObjectRead({ ...one, method: 'HEAD' })).toBe(false);
  expect(isObjectRead({ ...one, query: { 'list-type': '2' } })).toBe(false);
  expect(isObjectRead({ ...one, query: { ...one.query, versionId: '7' } })).toBe(false);
});

describe('the memory of a connection', () => {
  const fill = (memory: ReadMemory, consumed = true): Uint8Array => {
    const used = memory.next;
    memory.read(used.length, consumed);
    return used;
  };
  const overlap = (a: Uint8Array, b: Uint8Array): boolean =>
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;

  test('is used in turns by large reads: the last one is never written over', () => {
    const memory = new ReadMemory();
    for (let i = 0; i < 5; i++) fill(memory);
    const [a, b, c, d] = [fill(memory), fill(memory), fill(memory), fill(memory)];
    expect([overlap(a, b), overlap(a, c), overlap(b, d)]).toEqual([false, true, true]);
  });

  test('is not used again while something was left unread', () => {
    const memory = new ReadMemory();
    for (let i = 0; i < 5; i++) fill(memory);
    const a = fill(memory);
    fill(memory, false);
    expect(overlap(memory.next, a)).toBe(false);
  });

  test('keeps what could be part of a head, however many reads follow', () => {
    const memory = new ReadMemory();
    const part = memory.next.subarray(0, MOST_HEAD_BYTES);
    memory.read(part.length, true);
    for (let i = 0; i < 10; i++) expect(overlap(fill(memory), part)).toBe(false);
  });

  test('is little while a connection gets little', () => {
    const memory = new ReadMemory();
    for (let i = 0; i < 5; i++) fill(memory);
    for (let i = 0; i < 5; i++) memory.read(100, true);
    memory.read(memory.next.length, true);
    expect(memory.next.length).toBeLessThanOrEqual(128 * KIB);
  });
});
