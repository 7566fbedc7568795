/**
 * Many callers of one client against real servers on loopback: how they share requests, and that none pays for another.
 */
import { afterEach, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import { MAX_VALUE_BYTES } from '../limits.ts';
import { checkRigs, rig, type Rig } from '../testing/http-rig.ts';
import { operationToBytes } from '../http/bulk-bytes.ts';
import { Bulks } from './bulks.ts';
import { KvClient, type KvClientOptions } from './index.ts';
import { Transport } from './transport.ts';

afterEach(checkRigs);

interface Asked {
  readonly client: KvClient;
  /** Requests for /v1/bulk so far. */
  readonly bulks: () => number;
}

async function clientOf({ server }: Rig, options: KvClientOptions = {}): Promise<Asked> {
  let bulks = 0;
  server.addHook('onRequest', (request, _reply, done) => {
    if (request.url === '/v1/bulk') bulks++;
    done();
  });
  const endpoints = [await server.listen({ host: '127.0.0.1', port: 0 })];
  return { client: new KvClient({ endpoints, ...options }), bulks: () => bulks };
}

const keys = Array.from({ length: 500 }, (_, n) => `k${n}`);

test('callers share requests, reads and writes apart, and each has its own answer', async () => {
  const { client, bulks } = await clientOf(rig());
  await client.put([{ key: 'first', value: 'opens the session' }]);
  const before = bulks();
  await Promise.all(keys.map((key) => client.put([{ key, value: `of ${key}` }])));
  const found = await Promise.all(keys.map((key) => client.get(key)));
  expect(found).toEqual(keys.map((key) => utf8(`of ${key}`)));
  expect(bulks() - before).toBeLessThanOrEqual(6);
  const refused = { code: 'INVALID_KEY' };
  const mixed = [client.get(''), client.get('k1'), client.put([{ key: '', value: '' }]), client.delete('k2')];
  expect(await Promise.allSettled(mixed)).toMatchObject([
    { status: 'rejected', reason: refused },
    { value: utf8('of k1') },
    { status: 'rejected', reason: refused },
    { value: true },
  ]);
  await client.close();
});

test('what cannot be sent is told to its caller alone, and what changes after the call is not sent', async () => {
  const { client } = await clientOf(rig());
  const value = utf8('as it was');
  await client.put([{ key: 'k', value }]); // its session is open
  const settled = await Promise.allSettled([
    client.put([{ key: 'k', value }]),
    client.get('k', { consistency: 'never' as 'stale' }),
    client.get(undefined as unknown as string),
    (value.fill(0), client.get('k')),
  ]);
  expect(settled).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'INVALID_BODY' } },
    { status: 'rejected' },
    { value: utf8('as it was') },
  ]);
  expect(await client.get('k')).toEqual(utf8('as it was'));
  await client.close();
});

test('a caller who has left already is not sent, and is told so', async () => {
  const transport = new Transport();
  const asked = new Bulks(transport).ask(
    new URL('http://127.0.0.1:1'),
    'read',
    operationToBytes({ kind: 'get', key: utf8('k'), consistency: 'stale' }),
    AbortSignal.abort(new Error('left')),
  );
  await expect(asked).rejects.toMatchObject({ code: 'NOT_SENT', cause: { message: 'left' } });
  await transport.close();
});

test('what does not fit into one request or one answer comes with the next', async () => {
  const { client, bulks } = await clientOf(rig());
  const value = 'x'.repeat(MAX_VALUE_BYTES);
  const large = keys.slice(0, 10);
  await Promise.all(large.map((key) => client.put([{ key, value }])));
  expect(bulks()).toBeGreaterThanOrEqual(3); // of 4 MiB at most
  const before = bulks();
  const found = await Promise.all(large.map((key) => client.get(key)));
  expect(found.map((one) => one?.length)).toEqual(large.map(() => MAX_VALUE_BYTES));
  expect(bulks() - before).toBeGreaterThanOrEqual(2); // of 8 MiB at most
  await client.close();
});

test('a caller who leaves does not take the others along, and what was not sent is not sent', async () => {
  const only = rig();
  const { client, bulks } = await clientOf(only);
  await client.put([{ key: 'first', value: 'opens the session' }]);
  const before = bulks();
  const gate = Promise.withResolvers<void>();
  only.service.gate = gate.promise;
  const leaving = new AbortController();
  const [stays, leaves] = [client.get('first'), client.get('first', { signal: leaving.signal })];
  while (bulks() - before < 1) await new Promise((resolve) => setImmediate(resolve));
  const alone = client.get('first');
  while (bulks() - before < 2) await new Promise((resolve) => setImmediate(resolve));
  const never = client.get('never', { signal: leaving.signal }); // both lanes are taken
  leaving.abort(new Error('enough'));
  await expect(leaves).rejects.toThrow('enough');
  await expect(never).rejects.toThrow('enough');
  gate.resolve();
  expect([await stays, await alone]).toEqual([utf8('opens the session'), utf8('opens the session')]);
  await client.get('first');
  expect(bulks() - before).toBe(3);
  await client.close();
});

test('callers behind a frozen replica are told that nothing of theirs was sent; those before them that it may have happened', async () => {
  const only = rig();
  const { client, bulks } = await clientOf(only, { firstAttemptMs: 10_000 });
  await client.put([{ key: 'first', value: 'opens the session' }]);
  const before = bulks();
  only.service.gate = new Promise(() => undefined);
  const put = (timeoutMs: number): Promise<unknown> =>
    client.put([{ key: 'k', value: '' }], { timeoutMs }).catch((error: unknown) => error);
  const lanes = [put(3_000)];
  while (bulks() - before < 1) await new Promise((resolve) => setImmediate(resolve));
  lanes.push(put(3_000));
  while (bulks() - before < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await put(200)).toMatchObject({ code: 'KV_TIMEOUT', mayHaveHappened: false });
  for (const lane of lanes) expect(await lane).toMatchObject({ code: 'KV_TIMEOUT', mayHaveHappened: true });
  only.service.gate = undefined;
  expect(await client.get('first')).toEqual(utf8('opens the session')); // B3
  await client.close();
});
