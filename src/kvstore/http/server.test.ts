import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type LightMyRequestResponse } from 'fastify';
import { systemClock, utf8 } from '../../base/index.ts';
import { encodeCommand } from '../command.ts';
import { NO_HISTORY } from '../engine/history.ts';
import { KV_ERROR_STATUS, type KvErrorCode } from '../errors.ts';
import { MAX_VALUE_BYTES } from '../limits.ts';
import { checkRigs, rig } from '../testing/http-rig.ts';
import { ROUTES } from './table.ts';

afterEach(checkRigs);

const octets = { 'content-type': 'application/octet-stream' };

describe('the HTTP contract', () => {
  test('a value of any bytes goes in and comes out unchanged, under a key of any bytes', async () => {
    const { server } = rig();
    const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const url = '/v1/kv/%00%ff%2F..%2Fa%20b';
    const put = await server.inject({ method: 'PUT', url, payload: value, headers: octets });
    expect([put.statusCode, put.json()]).toEqual([200, { pairs: 1 }]);
    expect(put.headers['holdfast-request-id']).toBeUndefined();
    const got = await server.inject({ method: 'GET', url });
    expect(got.statusCode).toBe(200);
    expect(got.headers['content-type']).toBe('application/octet-stream');
    expect(got.rawPayload.equals(value)).toBe(true);
    expect(got.headers['holdfast-applied-index']).toBe('1');
    expect(got.headers['holdfast-lag-bytes']).toBe('0');
  });

  test.each(['text/plain', 'application/json', 'application/x-www-form-urlencoded', undefined])(
    'a value is bytes whatever its content type (%s) says',
    async (type) => {
      const { server } = rig();
      const headers = type === undefined ? {} : { 'content-type': type };
      await server.inject({ method: 'PUT', url: '/v1/kv/k', payload: Buffer.from('{not json'), headers });
      expect((await server.inject({ method: 'GET', url: '/v1/kv/k' })).payload).toBe('{not json');
    },
  );

  test('an empty value is a value, and a deleted key is 404 with a code', async () => {
    const { server } = rig();
    expect((await server.inject({ method: 'PUT', url: '/v1/kv/k' })).statusCode).toBe(200);
    const empty = await server.inject({ method: 'GET', url: '/v1/kv/k' });
    expect([empty.statusCode, empty.payload]).toEqual([200, '']);
    for (const deleted of [true, false])
      expect((await server.inject({ method: 'DELETE', url: '/v1/kv/k' })).json()).toEqual({ deleted });
    const gone = await server.inject({ method: 'GET', url: '/v1/kv/k' });
    expect([gone.statusCode, gone.json<{ code: string }>().code]).toEqual([404, 'KEY_NOT_FOUND']);
    expect(gone.headers['holdfast-applied-index']).toBe('3');
  });

  test('a batch, several keys by position, and pages that go on from next', async () => {
    const { server } = rig();
    const pairs = [
      { key: 'a/1', value: 'one' },
      { key: 'a/2', valueBase64: '/w==' },
      { keyBase64: 'YS//', value: '' },
      { key: 'b', value: 'other' },
    ];
    const batch = await server.inject({ method: 'POST', url: '/v1/batch', payload: { pairs } });
    expect(batch.json()).toEqual({ pairs: 4 });
    const several = await server.inject('/v1/kv?key=a/2&key=none&key=b');
    expect(several.json()).toEqual({ values: [{ valueBase64: '/w==' }, null, { value: 'other' }] });
    const first = await server.inject('/v1/kv?prefix=a/&limit=2');
    expect(first.json()).toEqual({ pairs: pairs.slice(0, 2), nextBase64: 'YS//' });
    const second = await server.inject('/v1/kv?prefix=a/&limit=2&start=a/%ff');
    expect(second.json()).toEqual({ pairs: pairs.slice(2, 3) });
  });

  test('compare-and-set tells absence, emptiness and a value apart', async () => {
    const { server } = rig();
    const cas = async (payload: object): Promise<unknown> =>
      (await server.inject({ method: 'POST', url: '/v1/cas', payload })).json();
    expect(await cas({ key: 'k', expected: '', value: 'x' })).toEqual({ swapped: false });
    expect(await cas({ key: 'k', value: '' })).toEqual({ swapped: true });
    expect(await cas({ key: 'k', expected: null, value: 'x' })).toEqual({ swapped: false });
    expect(await cas({ key: 'k', expected: '', value: 'y' })).toEqual({ swapped: true });
  });

  test('a repeated request id gives the first answer; with another request behind it, 422', async () => {
    const { server, service } = rig();
    const cas = (value: string): Promise<LightMyRequestResponse> =>
      server.inject({
        method: 'POST',
        url: '/v1/cas',
        payload: { key: 'k', value },
        headers: { 'holdfast-request-id': 'job-7' },
      });
    for (let i = 0; i < 3; i++) {
      const reply = await cas('x');
      expect([reply.json(), reply.headers['holdfast-request-id']]).toEqual([{ swapped: true }, 'job-7']);
    }
    const other = await cas('y');
    expect([other.statusCode, other.json<{ code: string }>().code]).toEqual([422, 'REQUEST_ID_REUSED']);
    expect(service.applied).toBe(1);
  });

  test('a read is linearizable unless asked to be stale; a standby that does not know its lag says so', async () => {
    const { server, service } = rig();
    service.lagBytes = undefined;
    await server.inject('/v1/kv?prefix=a');
    const stale = await server.inject('/v1/kv/k?consistency=stale');
    expect(service.consistencies).toEqual(['linearizable', 'stale']);
    expect(stale.headers['holdfast-lag-bytes']).toBe('unknown');
  });
});

describe('what is refused', () => {
  const json = { 'content-type': 'application/json' };
  test.each<
    [string, 'GET' | 'PUT' | 'POST' | 'DELETE', string, string | Buffer | undefined, object, KvErrorCode]
  >([
    ['an empty key', 'PUT', '/v1/kv/', 'v', octets, 'INVALID_KEY'],
    ['a key too long', 'PUT', `/v1/kv/${'a'.repeat(1025)}`, 'v', octets, 'INVALID_KEY'],
    ['a broken escape', 'GET', '/v1/kv/%g0', undefined, {}, 'INVALID_KEY'],
    ['a value too large', 'PUT', '/v1/kv/k', Buffer.alloc(MAX_VALUE_BYTES + 1), octets, 'TOO_LARGE'],
    ['a body that is not JSON', 'POST', '/v1/batch', '{', json, 'INVALID_BODY'],
    ['a body of another type', 'POST', '/v1/batch', 'x', { 'content-type': 'text/xml' }, 'INVALID_BODY'],
    ['no body', 'POST', '/v1/batch', undefined, {}, 'INVALID_BODY'],
    ['a batch of nothing', 'POST', '/v1/batch', '{"pairs":[]}', json, 'INVALID_BODY'],
    ['a pair without value', 'POST', '/v1/batch', '{"pairs":[{"key":"a"}]}', json, 'INVALID_BODY'],
    ['a field nobody knows', 'POST', '/v1/cas', '{"key":"a","value":"b","ttl":5}', json, 'INVALID_BODY'],
    ['a list for a body', 'POST', '/v1/cas', '[]', json, 'INVALID_BODY'],
    ['parameters of a mutation', 'PUT', '/v1/kv/k?consistency=stale', 'v', octets, 'INVALID_QUERY'],
    [
      'a request id with a space',
      'PUT',
      '/v1/kv/k',
      'v',
      { 'holdfast-request-id': 'a b' },
      'INVALID_REQUEST_ID',
    ],
    [
      'a request id too long',
      'PUT',
      '/v1/kv/k',
      'v',
      { 'holdfast-request-id': 'x'.repeat(129) },
      'INVALID_REQUEST_ID',
    ],
    ['an unknown path', 'GET', '/v2/kv', undefined, {}, 'ROUTE_NOT_FOUND'],
    ['a method that is not offered', 'POST', '/v1/kv/k', 'v', octets, 'ROUTE_NOT_FOUND'],
    ['the inner route asked for by name', 'GET', '/v1/key', undefined, {}, 'INVALID_KEY'],
  ])('%s', async (_, method, url, payload, headers, code) => {
    const { server, service } = rig();
    const reply = await server.inject({
      method,
      url,
      ...(payload === undefined ? {} : { payload }),
      headers: { ...headers },
    });
    expect(reply.json<{ code: string }>().code).toBe(code);
    expect(reply.statusCode).toBe(KV_ERROR_STATUS[code]);
    expect(Object.keys(reply.json<object>()).sort()).toEqual(['code', 'message']);
    expect(service.applied).toBe(0);
  });

  const told = ROUTES.flatMap((route) => route.errors.map((code) => ({ code, route })));
  test.each(
    Object.entries(KV_ERROR_STATUS).flatMap(([code, status]) => {
      const found = told.find((one) => one.code === code);
      return found ? [{ code: found.code, status, route: found.route }] : [];
    }),
  )(
    '$route.operationId answers $code as status $status, with Retry-After where another try may help',
    async (one) => {
      const { code, status, route } = one;
      const { server, service } = rig();
      service.failWith = code;
      const bodies: Readonly<Record<string, object>> = {
        backup: { url: 'memory:' },
        restore: { url: 'memory:' },
        batch: { pairs: [{ key: 'a', value: '' }] },
      };
      const reply = await server.inject({
        method: route.method,
        url: `${route.path.replace('{key}', 'k').replace('{session}', '7')}${route.operationId === 'changes' ? '?from=1' : ''}`,
        ...(bodies[route.operationId] ? { payload: bodies[route.operationId]! } : {}),
      });
      expect([reply.statusCode, reply.json<{ code: string }>().code]).toEqual([status, code]);
      expect(reply.headers['retry-after']).toBe([421, 429, 503].includes(status) ? '1' : undefined);
    },
  );

  test('a fault of the server shows none of its insides', async () => {
    const { server, service } = rig();
    service.read = () => Promise.reject(new Error('secret detail'));
    const reply = await server.inject('/v1/kv/k');
    expect([reply.statusCode, reply.json<{ code: string }>().code]).toEqual([500, 'INTERNAL']);
    expect(reply.payload).not.toContain('secret');
  });

  test('values together too large for one answer are refused', async () => {
    const { server, service } = rig();
    service.apply(
      encodeCommand({ kind: 'put', pairs: [{ key: utf8('k'), value: new Uint8Array(MAX_VALUE_BYTES) }] }, 1),
    );
    const reply = await server.inject(`/v1/kv?${Array.from({ length: 9 }, () => 'key=k').join('&')}`);
    expect([reply.statusCode, reply.json<{ code: string }>().code]).toEqual([413, 'TOO_LARGE']);
  });
});

describe('changes, snapshots and figures', () => {
  const put = (key: string, value: string | Uint8Array, now: number, expiresAt?: number): Uint8Array => {
    const bytes = typeof value === 'string' ? utf8(value) : value;
    const pair = { key: utf8(key), value: bytes, ...(expiresAt === undefined ? {} : { expiresAt }) };
    return encodeCommand({ kind: 'put', pairs: [pair] }, now);
  };

  test('changes come by number, with what each did', async () => {
    const { server, service } = rig();
    service.apply(put('a', 'one', 1000));
    service.apply(put('b', Uint8Array.of(255), 2000, 9000));
    service.apply(encodeCommand({ kind: 'delete', key: utf8('a') }, 3000));
    const history = expect.stringMatching(/^[0-9a-f]{32}$/);
    const all = await server.inject('/v1/changes?from=1');
    expect(all.json()).toEqual({
      role: 'primary',
      latest: 3,
      changes: [
        { number: 1, previous: 0, now: 1000, history, operations: [{ type: 'put', key: 'a', value: 'one' }] },
        {
          number: 2,
          previous: 1,
          now: 2000,
          history,
          operations: [{ type: 'put', key: 'b', valueBase64: '/w==', expiresAt: 9000 }],
        },
        { number: 3, previous: 2, now: 3000, history, operations: [{ type: 'delete', key: 'a' }] },
      ],
    });
    const some = await server.inject('/v1/changes?from=2&max=1');
    expect(some.json<{ changes: { number: number }[] }>().changes.map(({ number }) => number)).toEqual([2]);
    expect((await server.inject('/v1/changes?from=4')).json()).toEqual({
      role: 'primary',
      latest: 3,
      changes: [],
    });
    const ahead = await server.inject('/v1/changes?from=5');
    expect([ahead.statusCode, ahead.json()]).toMatchObject([409, { code: 'CHANGES_AHEAD', latest: 3 }]);
    for (const query of ['', '?from=0', '?from=1&max=0', '?from=1&max=10001', '?from=x', '?from=1&history=1'])
      expect((await server.inject(`/v1/changes${query}`)).statusCode).toBe(400);
  });

  test('changes come to those only who have had the ones before them, where they say which', async () => {
    const [one, other] = [rig(), rig()];
    for (const { service } of [one, other]) service.apply(put('a', 'the same', 1000));
    one.service.apply(put('b', 'here', 2000));
    other.service.apply(put('b', 'elsewhere', 2000));
    for (const { service } of [one, other]) service.apply(put('c', 'the same', 3000));
    const historyOf = async (from: number): Promise<string> => {
      const reply = await other.server.inject(`/v1/changes?from=${from}&max=1`);
      return reply.json<{ changes: [{ history: string }] }>().changes[0].history;
    };
    const { history: latest } = (await other.server.inject('/v1/stats')).json<{ history: string }>();
    expect(latest).toBe(await historyOf(3));
    const asked = async (from: number, history: string): Promise<[number, unknown]> => {
      const reply = await one.server.inject(`/v1/changes?from=${from}&history=${history}`);
      return [reply.statusCode, reply.json<{ code?: string }>().code];
    };
    expect(await asked(1, NO_HISTORY)).toEqual([200, undefined]);
    expect(await asked(2, await historyOf(1))).toEqual([200, undefined]);
    for (const from of [3, 4])
      expect(await asked(from, await historyOf(from - 1))).toEqual([409, 'CHANGES_DIVERGED']);
  });

  test('a snapshot names its number, is whole, and is where a follower goes on whose changes are gone', async () => {
    const [old, next] = [rig(), rig()];
    for (let n = 0; n < 20; n++) old.service.apply(put(`k${n}`, `${n}`, 1000));
    const snapshot = await old.server.inject('/v1/snapshot');
    expect([snapshot.statusCode, snapshot.headers['holdfast-change-number']]).toEqual([200, '20']);
    const chunks = Readable.from([snapshot.rawPayload]);
    await next.service.engine.load(chunks, new AbortController().signal);
    expect(next.service.engine.stateHash()).toBe(old.service.engine.stateHash());
    const gap = await next.server.inject('/v1/changes?from=20');
    expect([gap.statusCode, gap.json()]).toMatchObject([410, { code: 'CHANGES_GAP', oldest: 21 }]);
    expect((await next.server.inject('/v1/stats')).json()).toMatchObject({ keys: 20, changeNumber: 20 });
  });

  test('changes too large for one answer are refused, but a single one never is', async () => {
    const { server, service } = rig();
    for (let n = 0; n < 9; n++) service.apply(put(`k${n}`, new Uint8Array(MAX_VALUE_BYTES), 1000));
    const many = await server.inject('/v1/changes?from=1&max=9');
    expect([many.statusCode, many.json<{ code: string }>().code]).toEqual([413, 'TOO_LARGE']);
    const headers = { accept: 'application/octet-stream' };
    const one = await server.inject({ url: '/v1/changes?from=1&max=1', headers });
    expect([one.statusCode, one.headers['content-type']]).toEqual([200, 'application/octet-stream']);
    expect(one.rawPayload.length).toBeGreaterThan(MAX_VALUE_BYTES);
  });

  test('snapshots that nobody reads to their end keep their places only as long as their readers are there', async () => {
    const { server, service } = rig();
    for (let n = 0; n < 12; n++) service.apply(put(`k${n}`, new Uint8Array(MAX_VALUE_BYTES), 1000));
    const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const readers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const socket = connect(Number(url.port), url.hostname);
        socket.write('GET /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
        socket.pause();
        return socket;
      }),
    );
    const fifth = await server.inject('/v1/snapshot');
    expect([fifth.statusCode, fifth.json<{ code: string }>().code]).toEqual([503, 'BUSY']);
    for (const socket of readers) socket.destroy();
    let status = 503;
    while (status !== 200) {
      await systemClock.sleep(5); // sockets need a turn
      const again = await fetch(new URL('/v1/snapshot', url));
      await again.arrayBuffer();
      ({ status } = again);
    }
  });
});

describe('overload', () => {
  test('beyond the limit a request is turned away, and the place of an answered one is free again (M1)', async () => {
    const { server, service } = rig({ requests: 3 });
    const gate = Promise.withResolvers<void>();
    service.gate = gate.promise;
    const waiting = Array.from({ length: 3 }, () => server.inject('/v1/kv/k'));
    while (service.consistencies.length < 3) await new Promise((resolve) => setImmediate(resolve));
    const refused = await server.inject('/v1/kv/k');
    expect([refused.statusCode, refused.json<{ code: string }>().code]).toEqual([429, 'OVERLOADED']);
    gate.resolve();
    expect((await Promise.all(waiting)).map((reply) => reply.statusCode)).toEqual([404, 404, 404]);
    for (let i = 0; i < 9; i++) expect((await server.inject('/v1/kv/k')).statusCode).toBe(404);
  });

  test('bodies count by what they announce, and by the most they may have when they announce nothing', async () => {
    const { server } = rig({ bodyBytes: 100 });
    const put = (bytes: number): Promise<LightMyRequestResponse> =>
      server.inject({ method: 'PUT', url: '/v1/kv/k', payload: Buffer.alloc(bytes), headers: octets });
    expect((await put(100)).statusCode).toBe(200);
    expect((await put(101)).statusCode).toBe(429);
    const chunked = await server.inject({
      method: 'PUT',
      url: '/v1/kv/k',
      headers: { ...octets, 'transfer-encoding': 'chunked' },
    });
    expect(chunked.statusCode).toBe(429);
  });

  test('a client that goes away in the middle of its body gives its place back', async () => {
    const { server } = rig({ requests: 1 });
    const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(url.port), url.hostname);
    socket.write('PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
    await once(socket, 'connect');
    let status = 404;
    while (status !== 429) status = (await fetch(new URL('/v1/kv/k', url))).status; // the half request has its place
    socket.destroy();
    while (status !== 404) status = (await fetch(new URL('/v1/kv/k', url))).status; // and gives it back
  });

  test('metrics count answers by method and status', async () => {
    const { server, metrics } = rig();
    await server.inject('/v1/kv/k');
    await server.inject({ method: 'PUT', url: '/v1/kv/k', payload: 'v', headers: octets });
    const text = await metrics.render();
    expect(text).toContain('holdfast_kv_requests_total{method="GET",status="404"} 1');
    expect(text).toContain('holdfast_kv_requests_total{method="PUT",status="200"} 1');
    expect(text).toContain('holdfast_kv_request_seconds_count{method="PUT"} 1');
  });
});
