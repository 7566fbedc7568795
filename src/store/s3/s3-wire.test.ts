/**
 * What the S3 adapter puts on the wire and makes of answers, against a scripted S3 peer on loopback.
 *
 * The peer answers what the test says, request by request; it checks no signature and stores nothing. Real behaviour of a real server is
 * tested in s3.real.test.ts; here are the answers that a healthy server never gives. Where a deadline has to pass, the clock is FASTER times
 * faster; everywhere else it is real, so that a slow machine is not taken for a silent store.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger, createMetrics, systemClock, utf8, type Clock } from '../../base/index.ts';
import { openStore, type ObjectStore, type OpenStoreOptions } from '../index.ts';
import { putCommand } from './put-body.ts';

const FASTER = 50;
const fastClock = (times: number): Clock => ({
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs() * times,
  timer: (ms, fire) => systemClock.timer(ms / times, fire),
  sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
});
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'very-secret-text' };

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
}
type Script = (response: ServerResponse, seen: Seen) => void;

let server: Server;
let scripts: Script[];
let seen: Seen[];
let store: ObjectStore;
const opened: ObjectStore[] = [];
let endpoint: string;

/** The next request gets the first script that is left; the last one stays for all that follow. */
function answer(response: ServerResponse, request: Seen): void {
  seen.push(request);
  const script = scripts.length > 1 ? scripts.shift() : scripts[0];
  script!(response, request);
}
const reply =
  (status: number, body: string | Uint8Array = '', headers: Record<string, string> = {}): Script =>
  (response) =>
    void response.writeHead(status, { 'x-amz-request-id': 'REQ1', ...headers }).end(body);
const fail = (status: number, code: string, headers: Record<string, string> = {}): Script =>
  reply(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`, headers);
const hangUp: Script = (response) => void response.destroy();
const silent: Script = () => undefined;

function open(options: OpenStoreOptions = {}): ObjectStore {
  return openStore(`s3://bucket?endpoint=${endpoint}`, { credentials, ...options });
}

/** From here on deadlines pass quickly. */
function hurry(times: number = FASTER): void {
  opened.push(store);
  store = open({ clock: fastClock(times) });
}

beforeEach(async () => {
  scripts = [reply(200)];
  seen = [];
  const connections = new Map<unknown, number>();
  server = createServer((request, response) => {
    if (!connections.has(request.socket)) connections.set(request.socket, connections.size + 1);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined); // the client hung up; the script has said what it wanted
    request.on('end', () =>
      answer(response, {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
        connection: connections.get(request.socket)!,
      }),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  store = open();
});
afterEach(async () => {
  for (const one of [store, ...opened.splice(0)]) await one.close();
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

describe('a create on the wire', () => {
  test('is one conditional PUT with plain bytes: no Expect, no checksum trailer, no chunking', async () => {
    const body = new Uint8Array(8 * 1024 * 1024).fill(7); // the largest slot
    expect(await store.create('log/1', body)).toEqual({ kind: 'created' });
    const [put] = seen;
    expect([seen.length, put?.method, put?.url.split('?')[0]]).toEqual([1, 'PUT', '/bucket/log/1']);
    expect(put?.headers).toMatchObject({ 'if-none-match': '*', 'content-length': String(body.length) });
    expect(
      Object.keys(put!.headers).filter((name) => /^expect$|checksum|trailer|transfer-encoding/.test(name)),
    ).toEqual([]);
    expect(put?.body.equals(body)).toBe(true);
  });

  test('sends what comes in pieces in their order, one after another, under their digest; a repetition sends the same', async () => {
    const whole = Buffer.alloc(9 * 1024 * 1024 + 3, 'all of it; ');
    const pieces = [
      whole.subarray(0, 5),
      whole.subarray(5, 5),
      whole.subarray(5, 1_000_000),
      whole.subarray(1_000_000),
    ];
    scripts = [fail(503, 'SlowDown'), fail(404, 'NotFound'), reply(200)];
    expect((await store.create('log/f', pieces)).kind).toBe('undecided');
    expect(await store.create('log/f', pieces, { freshConnection: true })).toEqual({ kind: 'created' });
    const puts = seen.filter(({ method }) => method === 'PUT');
    expect(puts.length).toBe(2);
    for (const put of puts) {
      expect(put.headers).toMatchObject({
        'if-none-match': '*',
        'content-length': String(whole.length),
        'x-amz-content-sha256': createHash('sha256').update(whole).digest('hex'),
      });
      const others = Object.keys(put.headers).filter((name) =>
        /^expect$|checksum|trailer|transfer-encoding|content-encoding/.test(name),
      );
      expect(others).toEqual([]);
      expect(put.body.equals(whole)).toBe(true);
    }
  });

  test('gives the digest of pieces as the checksum where the client would add one: no chunks, no trailer', async () => {
    const whole = Buffer.alloc(300_000, 'all of it; ');
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    const pieces = [whole.subarray(0, 100_000), whole.subarray(100_000)];
    await client.send(await putCommand({ Bucket: 'bucket', Key: 'k' }, pieces, true));
    client.destroy();
    const sha256 = createHash('sha256').update(whole).digest();
    expect(seen[0]!.headers).toMatchObject({
      'content-length': String(whole.length),
      'x-amz-content-sha256': sha256.toString('hex'),
      'x-amz-checksum-sha256': sha256.toString('base64'),
    });
    expect(
      Object.keys(seen[0]!.headers).filter((name) => /trailer|transfer-encoding|content-encoding/.test(name)),
    ).toEqual([]);
    expect(seen[0]!.body.equals(whole)).toBe(true);
  });

  test.each<[string, Script, object]>([
    ['412', fail(412, 'PreconditionFailed'), { kind: 'exists' }],
    [
      '409',
      fail(409, 'ConditionalRequestConflict'),
      { kind: 'undecided', cause: { code: 'STORE_CONFLICT' } },
    ],
    ['429', fail(429, 'TooManyRequests'), { kind: 'undecided', cause: { code: 'STORE_THROTTLED' } }],
    ['500', fail(500, 'InternalError'), { kind: 'undecided', cause: { code: 'STORE_SERVER_ERROR' } }],
    ['503', fail(503, 'SlowDown'), { kind: 'undecided', cause: { code: 'STORE_THROTTLED' } }],
    [
      'a proxy’s 502',
      reply(502, '<html><body>Bad <br> Gateway'),
      { kind: 'undecided', cause: { code: 'STORE_SERVER_ERROR' } },
    ],
    [
      'a proxy’s 404',
      reply(404, '<html>no such page</html>'),
      { kind: 'undecided', cause: { code: 'STORE_BAD_RESPONSE' } },
    ],
    ['a lost response', hangUp, { kind: 'undecided', cause: { code: 'STORE_UNREACHABLE' } }],
    ['403', fail(403, 'AccessDenied'), { kind: 'refused', cause: { code: 'STORE_DENIED' } }],
    ['400', fail(400, 'InvalidRequest'), { kind: 'refused', cause: { code: 'STORE_BAD_REQUEST' } }],
    ['a missing bucket', fail(404, 'NoSuchBucket'), { kind: 'refused', cause: { code: 'STORE_NO_BUCKET' } }],
    ['501', fail(501, 'NotImplemented'), { kind: 'refused', cause: { code: 'STORE_UNSUPPORTED' } }],
  ])('%s is decided as it must be, after exactly one request', async (_, script, outcome) => {
    scripts = [script];
    expect(await store.create('k', utf8('x'))).toMatchObject(outcome);
    expect(seen.length).toBe(1);
  });

  test('a store that never answers ends by its own limit, undecided', async () => {
    hurry();
    scripts = [silent];
    const outcome = await store.create('k', utf8('x'));
    expect(outcome).toMatchObject({ kind: 'undecided', cause: { code: 'STORE_TIMEOUT' } });
    expect(seen.length).toBe(1);
  });

  test('connections are kept, and a retry that asks for a fresh one gets it', async () => {
    await store.create('a', utf8('x'));
    await store.create('b', utf8('x'));
    await store.create('c', utf8('x'), { freshConnection: true });
    await store.create('d', utf8('x'));
    expect(seen.map(({ connection }) => connection)).toEqual([1, 1, 2, 1]);
  });

  test('of a fragment (64 MiB) has time for its bytes: a store that takes 45 s, more than 8 MiB would get, is waited for', async () => {
    hurry(10); // not more: sending the bytes takes real time
    scripts = [
      (response, request) => void systemClock.timer(45_000 / 10, () => reply(200)(response, request)),
    ];
    const body = new Uint8Array(64 * 1024 * 1024).fill(7);
    expect(await store.create('fragment', body)).toEqual({ kind: 'created' });
    expect(seen[0]?.headers['expect']).toBeUndefined();
    expect(seen[0]?.body.equals(body)).toBe(true);
  });

  describe('of a large body, repeated,', () => {
    const body = new Uint8Array(1024 * 1024);
    const again = { freshConnection: true };

    test('asks first whether the key is taken: the bytes need not travel to hear it', async () => {
      scripts = [reply(200, '', { 'content-length': '9' })];
      expect(await store.create('k', body, again)).toEqual({ kind: 'exists' });
      expect(seen.map(({ method }) => method)).toEqual(['HEAD']);
    });

    test.each([404, 403, 500])('sends them when that is answered %i', async (status) => {
      scripts = [reply(status), reply(200)];
      expect(await store.create('k', body, again)).toEqual({ kind: 'created' });
      expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'PUT']);
    });

    test('is undecided when its caller leaves during the question, and then sends nothing', async () => {
      const stop = new AbortController();
      scripts = [() => stop.abort(new Error('left'))];
      const outcome = await store.create('k', body, { ...again, signal: stop.signal });
      expect(outcome).toMatchObject({ kind: 'undecided', cause: { code: 'STORE_ABORTED' } });
      expect(seen.map(({ method }) => method)).toEqual(['HEAD']);
    });

    test('asks nothing the first time, and nothing for a small body', async () => {
      await store.create('k', body);
      await store.create('k', utf8('small'), again);
      expect(seen.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    });
  });

  test('a burst of reads does not take its connections', async () => {
    scripts = [(response, { method }) => (method === 'PUT' ? reply(200)(response, seen[0]!) : undefined)];
    const stop = new AbortController();
    const reads = Array.from({ length: 80 }, (_, i) => store.get(`r/${i}`, { signal: stop.signal }));
    const ended = Promise.allSettled(reads);
    expect(await store.create('k', utf8('x'))).toEqual({ kind: 'created' });
    stop.abort(new Error('done'));
    await ended;
  });

  test('uploads of fragments do not take its connections', async () => {
    const fragment = new Uint8Array(9 * 1024 * 1024);
    scripts = [(response, { body }) => (body.length < 100 ? void response.writeHead(200).end() : undefined)];
    const stop = new AbortController();
    const uploads = Array.from({ length: 6 }, (_, i) =>
      store.create(`fragment/${i}`, fragment, { signal: stop.signal }),
    );
    expect(await store.create('k', utf8('x'))).toEqual({ kind: 'created' });
    stop.abort(new Error('done'));
    expect((await Promise.all(uploads)).map(({ kind }) => kind)).toEqual(Array(6).fill('undecided'));
  });

  test('a clock far from the store’s is corrected by its Date, and the next attempt passes', async () => {
    const ahead = new Date(new Date().getTime() + 3 * 3_600_000);
    scripts = [fail(403, 'RequestTimeTooSkewed', { date: ahead.toUTCString() }), reply(200)];
    expect(await store.create('k', utf8('x'))).toMatchObject({
      kind: 'undecided',
      cause: { code: 'STORE_CLOCK_SKEW' },
    });
    expect(await store.create('k', utf8('x'))).toEqual({ kind: 'created' });
    const hour = ahead.toISOString().slice(0, 13).replaceAll('-', '');
    expect(String(seen[1]?.headers['x-amz-date'])).toContain(hour);
  });
});

describe('a read', () => {
  const whole = (text: string): Script =>
    reply(200, text, { 'last-modified': 'Fri, 20 Nov 2026 10:00:00 GMT' });

  test('cut in the middle of the body is repeated on fresh connections until it is whole', async () => {
    const cutShort: Script = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x'.repeat(40), () => response.destroy());
    };
    scripts = [cutShort, cutShort, whole('y'.repeat(100))];
    const found = await store.get('k');
    expect([found?.size, Buffer.from(found!.body).toString()]).toEqual([100, 'y'.repeat(100)]);
    expect(found?.lastModifiedMs).toBe(Date.UTC(2026, 10, 20, 10));
    expect(new Set(seen.map(({ connection }) => connection)).size).toBe(3);
  });

  test('part by part goes on where it was cut: nothing comes twice, and nothing is missing', async () => {
    const whole = Uint8Array.from({ length: 20_000_000 }, (_, i) => i ^ (i >>> 13));
    const cutAfter =
      (length: number): Script =>
      (response, { headers: { range = '' } }) => {
        const start = Number(range.slice('bytes='.length, range.indexOf('-')));
        const head = { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` };
        response.writeHead(206, { ...head, 'content-length': whole.length - start });
        const some = whole.subarray(start, start + length);
        response.write(some, () => start + length < whole.length && response.destroy());
      };
    scripts = [cutAfter(9_000_000), cutAfter(7_000_000), cutAfter(whole.length)];
    const came: Uint8Array[] = [];
    const range = { start: 0, end: whole.length };
    const found = await store.get('k', { range, onPart: ({ bytes }) => void came.push(bytes) });
    expect([found!.size, came.length]).toEqual([whole.length, 1]);
    expect(Buffer.compare(Buffer.concat([...came, found!.body]), whole)).toBe(0);
    const asked = seen.map(({ headers }) => headers.range);
    expect(asked).toEqual(['bytes=0-19999999', 'bytes=8388608-19999999', 'bytes=8388608-19999999']);
  });

  test('that keeps failing fails after four attempts with the evidence', async () => {
    scripts = [fail(500, 'InternalError')];
    await expect(store.get('k')).rejects.toMatchObject({
      code: 'STORE_SERVER_ERROR',
      fields: {
        operation: 'get',
        key: 'k',
        status: 500,
        storeCode: 'InternalError',
        requestId: 'REQ1',
        attempts: 4,
      },
    });
    expect(seen.length).toBe(4);
  });

  test('of a silent store is given up and repeated', async () => {
    hurry();
    scripts = [silent, whole('late')];
    expect((await store.get('k'))?.body).toEqual(utf8('late'));
  });

  test('whose body stands still is given up and repeated; one that only trickles is waited for', async () => {
    hurry();
    const stall: Script = (response) => void response.writeHead(200, { 'content-length': '9' }).write('abc');
    const trickle: Script = (response) => {
      response.writeHead(200, { 'content-length': '9' });
      for (const [i, part] of ['abc', 'def', 'ghi'].entries())
        systemClock.timer(100 * i, () => (i === 2 ? response.end(part) : response.write(part)));
    };
    scripts = [stall, trickle];
    expect((await store.get('k'))?.body).toEqual(utf8('abcdefghi'));
  });

  test('waits for its turn without being counted as silence: 300 at once need one request each, over 128 connections', async () => {
    const slower = 2.5; // so that a machine that stands still for a second or two is not taken for a silent store
    hurry(1 / slower);
    const answer: Script = (response, request) =>
      void systemClock.timer(900 * slower, () => whole('slow')(response, request));
    scripts = [answer];
    // three rounds: who is in the last is answered after 2.7 s of the store's clock, where a silent store is given up after 2 s
    const found = await Promise.all(Array.from({ length: 300 }, (_, i) => store.get(`r/${i}`)));
    expect(found.every((object) => object?.size === 4)).toBe(true);
    expect(seen.length).toBe(300);
    expect(Math.max(...seen.map(({ connection }) => connection))).toBeLessThanOrEqual(128);
  });

  test('ends at once with the caller’s reason, also in the middle of a body', async () => {
    const stop = new AbortController();
    scripts = [
      (response) => {
        response.writeHead(200, { 'content-length': '9' }).write('abc');
        systemClock.timer(20, () => stop.abort(new Error('the caller had enough')));
      },
    ];
    await expect(store.get('k', { signal: stop.signal })).rejects.toThrow('the caller had enough');
    expect(seen.length).toBe(1);
  });

  test('finds absence only in the store’s own word', async () => {
    scripts = [fail(404, 'NoSuchKey')];
    expect(await store.get('k')).toBeUndefined();
    for (const page of [reply(404), reply(404, '<html>nothing here</html>'), fail(404, 'NoSuchRoute')]) {
      scripts = [page];
      await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_BAD_RESPONSE' });
    }
  });

  test('by HEAD asks a LIST whether the bucket exists before it believes a 404', async () => {
    scripts = [reply(404), fail(404, 'NoSuchBucket')];
    await expect(store.head('k')).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' });
    expect(seen.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  const range = { start: 5, end: 10 };
  test.each<[string, Script, object | string]>([
    ['exact', reply(206, 'abcde', { 'content-range': 'bytes 5-9/20' }), { size: 20, body: utf8('abcde') }],
    ['cut at the end', reply(206, 'abc', { 'content-range': 'bytes 5-7/8' }), { size: 8, body: utf8('abc') }],
    [
      'beyond the end',
      fail(416, 'InvalidRange', { 'content-range': 'bytes */4' }),
      { size: 4, body: new Uint8Array(0) },
    ],
    ['ignored', reply(200, 'x'.repeat(20)), 'STORE_BAD_RESPONSE'],
    ['shifted', reply(206, 'abcde', { 'content-range': 'bytes 0-4/20' }), 'STORE_BAD_RESPONSE'],
    [
      'with a body cut short',
      reply(206, 'abcd', { 'content-range': 'bytes 5-9/20', 'content-length': '4' }),
      'STORE_BAD_RESPONSE',
    ],
    ['short', reply(206, 'abcd', { 'content-range': 'bytes 5-8/20' }), 'STORE_BAD_RESPONSE'],
    ['without size', reply(206, 'abcde', { 'content-range': 'bytes 5-9/*' }), 'STORE_BAD_RESPONSE'],
  ])('of a range that is answered %s', async (_, script, expected) => {
    scripts = [script];
    const got = store.get('k', { range });
    if (typeof expected === 'string')
      await expect(got).rejects.toMatchObject({ code: expected, retryable: false });
    else expect(await got).toMatchObject(expected);
    expect(seen.length).toBe(1);
    expect(seen[0]?.headers['range']).toBe('bytes=5-9');
  });

  test('of a LIST out of order, or with foreign keys, is refused', async () => {
    const page = (...keys: string[]): Script =>
      reply(
        200,
        `<ListBucketResult>${keys.map((k) => `<Contents><Key>${k}</Key><Size>1</Size></Contents>`).join('')}</ListBucketResult>`,
      );
    scripts = [page('p/b', 'p/a')];
    await expect(store.list('p/')).rejects.toMatchObject({ code: 'STORE_BAD_RESPONSE' });
    scripts = [page('p/a', 'q')];
    await expect(store.list('p/')).rejects.toMatchObject({ code: 'STORE_BAD_RESPONSE' });
    scripts = [page('p/a')];
    await expect(store.list('p/', { startAfter: 'p/a' })).rejects.toMatchObject({
      code: 'STORE_BAD_RESPONSE',
    });
    expect((await store.list('p/')).objects).toEqual([{ key: 'p/a', size: 1, lastModifiedMs: undefined }]);
  });
});

test('every request that the peer saw is counted by name and answer, and nothing else: what is billed', async () => {
  const metrics = createMetrics();
  store = open({ metrics });
  const large = new Uint8Array(1024 * 1024);
  const page = reply(200, '<ListBucketResult></ListBucketResult>');
  const found = reply(200, '', { 'content-length': '9' });
  const steps: [Script[], () => Promise<unknown>][] = [
    [[reply(200)], () => store.create('a', utf8('x'))],
    [[fail(412, 'PreconditionFailed')], () => store.create('a', utf8('x'))],
    [[hangUp], () => store.create('a', utf8('x'))],
    [[found], () => store.create('a', large, { freshConnection: true })],
    [[fail(500, 'InternalError'), reply(200, 'x')], () => store.get('a')],
    [[fail(416, 'InvalidRange'), found], () => store.get('a', { range: { start: 9, end: 10 } })],
    [[found], () => store.head('a')],
    [[page], () => store.list('')],
    [[reply(204)], () => store.delete('a')],
    [[reply(200, '<VersioningConfiguration/>')], async () => await store.versioning?.()],
  ];
  for (const [answers, step] of steps) {
    scripts = answers;
    await step();
  }
  const text = await metrics.render();
  const counted = [
    ...text.matchAll(/^holdfast_store_sent_total\{request="(\w+)",status="(\w+)"\} (\d+)$/gm),
  ].map(([, request, status, count]) => `${request} ${status} ${count}`);
  expect(counted.toSorted()).toEqual([
    'DeleteObject 204 1',
    'GetBucketVersioning 200 1',
    'GetObject 200 1',
    'GetObject 416 1',
    'GetObject 500 1',
    'HeadObject 200 3',
    'ListObjectsV2 200 1',
    'PutObject 200 1',
    'PutObject 412 1',
    'PutObject none 1',
  ]);
  expect(seen.length).toBe(12);
  expect(text).toContain('holdfast_store_retries_total{operation="get",code="STORE_SERVER_ERROR"} 1');
});

test('nothing that is logged or thrown holds a credential; decided creates are logged with their request id', async () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(line: Buffer, _, done): void {
      lines.push(line.toString());
      done();
    },
  });
  store = open({ log: createLogger({ level: 'debug', format: 'json', stream }) });
  scripts = [reply(200), fail(412, 'PreconditionFailed'), fail(403, 'SignatureDoesNotMatch')];
  const outcomes = [
    await store.create('k', utf8('x')),
    await store.create('k', utf8('x')),
    await store.create('k', utf8('x')),
  ];
  expect(outcomes.map(({ kind }) => kind)).toEqual(['created', 'exists', 'refused']);
  expect(lines.filter((line) => line.includes('"requestId":"REQ1"')).length).toBe(2);
  const refused = outcomes[2] as { cause: Error };
  expect(lines.join('') + String(refused.cause) + JSON.stringify(refused.cause)).not.toMatch(
    /very-secret|AKIDEXAMPLE/,
  );
});
