/**
 * Bulks against the server: each operation with an outcome of its own.
 */
import { afterEach, expect, test } from '@jest/globals';
import { type LightMyRequestResponse } from 'fastify';
import { utf8 } from '../../base/index.ts';
import { KvError } from '../errors.ts';
import { MAX_VALUE_BYTES } from '../limits.ts';
import { checkRigs, rig, type Rig } from '../testing/http-rig.ts';
import {
  bulkOf,
  operationToBytes,
  outcomesFromBytes,
  type BulkOperation,
  type BulkOutcome,
} from './bulk-bytes.ts';
import { MAX_BULK_OPERATIONS } from './limits.ts';

afterEach(checkRigs);

const operationsToBytes = (all: readonly BulkOperation[]): Uint8Array => bulkOf(all.map(operationToBytes));
const NONE = { kind: 'none' } as const;
const NEVER = { kind: 'never' } as const;
const get = (key: string, consistency: 'linearizable' | 'stale' = 'linearizable'): BulkOperation => ({
  kind: 'get',
  key: utf8(key),
  consistency,
});
const put = (key: string, value: string, more: Partial<BulkOperation> = {}): BulkOperation =>
  ({
    kind: 'put',
    key: utf8(key),
    value: utf8(value),
    expiry: NEVER,
    identity: NONE,
    ...more,
  }) as BulkOperation;

const post = async ({ server }: Rig, payload: Uint8Array): Promise<LightMyRequestResponse> =>
  await server.inject({
    method: 'POST',
    url: '/v1/bulk',
    payload: Buffer.from(payload),
    headers: { 'content-type': 'application/octet-stream' },
  });

async function outcomesOf(to: Rig, ...operations: BulkOperation[]): Promise<readonly BulkOutcome[]> {
  const { statusCode, rawPayload } = await post(to, operationsToBytes(operations));
  expect(statusCode).toBe(200);
  return outcomesFromBytes(rawPayload);
}

const refused = (status: number, code: string): object => ({
  kind: 'refused',
  status,
  primary: undefined,
  body: { code, message: expect.any(String) },
});

test('operations of every kind, each with its outcome, whatever becomes of the others', async () => {
  const one = rig();
  const done = { kind: 'done', result: 1 };
  const request = { kind: 'request', requestId: 'job-1' } as const;
  const key = utf8('a');
  expect(
    await outcomesOf(
      one,
      put('a', '1', { identity: request }),
      put('', 'no key'),
      put('b', '2', { identity: { kind: 'request', requestId: 'no blanks' } }),
      put('c', '3', { identity: { kind: 'session', clientId: 7n, series: 1n, respondedTo: 1n } }),
      put('d', '4', { identity: { kind: 'session', clientId: 7n, series: 1n, respondedTo: 0n } }),
      put('e', '5', { expiry: { kind: 'after', ttlMs: Number.MAX_SAFE_INTEGER } }),
      put('f', '6', { expiry: { kind: 'at', expiresAt: 9_000_000_000_000 } }),
      { kind: 'cas', key, expected: utf8('1'), value: utf8('2'), expiry: NEVER, identity: NONE },
      { kind: 'cas', key, expected: undefined, value: utf8('3'), expiry: NEVER, identity: NONE },
      { kind: 'delete', key: utf8('none'), identity: NONE },
      put('g', 'x'.repeat(MAX_VALUE_BYTES + 1)),
    ),
  ).toEqual([
    { kind: 'done', result: expect.any(Number) },
    refused(400, 'INVALID_KEY'),
    refused(400, 'INVALID_REQUEST_ID'),
    refused(400, 'INVALID_SESSION'),
    refused(409, 'SESSION_UNKNOWN'),
    refused(400, 'INVALID_BODY'),
    { kind: 'done', result: expect.any(Number) },
    done,
    { kind: 'done', result: 0 },
    { kind: 'done', result: 0 },
    refused(413, 'TOO_LARGE'),
  ]);
  const found = { kind: 'value', expiresAt: undefined, appliedIndex: 5, lagBytes: 0 };
  expect(await outcomesOf(one, get('a'), get(''), get('f', 'stale'), get('none'))).toEqual([
    { ...found, value: Buffer.from('2') },
    refused(400, 'INVALID_KEY'),
    { ...found, value: Buffer.from('6'), expiresAt: 9_000_000_000_000 },
    { kind: 'absent', appliedIndex: 5, lagBytes: 0 },
  ]);
  expect(one.service.consistencies).toEqual(['linearizable', 'stale']); // B2
  const counted = await one.metrics.render();
  for (const [method, status, times] of [
    ['PUT', 200, 2],
    ['PUT', 400, 4],
    ['GET', 404, 1],
    ['POST', 200, 4], // two compare-and-sets and two bulks
  ])
    expect(counted).toContain(`holdfast_kv_requests_total{method="${method}",status="${status}"} ${times}\n`);
});

test('what fails as a whole is told to each: who is the primary, and faults of ours without their words', async () => {
  const standby = rig();
  standby.service.failWith = 'NOT_PRIMARY';
  standby.service.primary = 'http://primary:1';
  const away = { ...refused(421, 'NOT_PRIMARY'), primary: 'http://primary:1' };
  expect(await outcomesOf(standby, put('a', '1'), get('a'), get('b'))).toEqual([away, away, away]);
  const faulty = rig();
  faulty.service.read = () => Promise.reject(new Error('inner words'));
  faulty.service.write = () => Promise.reject(new KvError('OUTCOME_UNKNOWN', 'lost'));
  const [unknown, internal] = await outcomesOf(faulty, put('a', '1'), get('a'));
  expect([unknown, internal]).toEqual([refused(503, 'OUTCOME_UNKNOWN'), refused(500, 'INTERNAL')]);
  expect(JSON.stringify(internal)).not.toContain('inner words');
});

test('when time is up, those that were answered in time have their outcome, and the others do not know', async () => {
  const late = rig({}, 200);
  const asked = late.service.write.bind(late.service);
  const never = Promise.withResolvers<number>();
  const slow = { kind: 'request', requestId: 'slow' } as const;
  late.service.write = (command, identity) =>
    identity.kind === 'request' ? never.promise : asked(command, identity);
  const outcomes = outcomesOf(late, put('a', '1'), put('b', '2', { identity: slow }), put('c', '3'));
  expect(await outcomes).toEqual([
    { kind: 'done', result: 1 },
    refused(503, 'OUTCOME_UNKNOWN'),
    { kind: 'done', result: 1 },
  ]);
  never.resolve(1); // nobody waits for it any more
});

test('values beyond what an answer takes come later; one comes in any case', async () => {
  const one = rig();
  const large = 'x'.repeat(MAX_VALUE_BYTES);
  for (let n = 0; n < 10; n++) await outcomesOf(one, put(`k${n}`, large));
  const outcomes = await outcomesOf(one, ...Array.from({ length: 10 }, (_, n) => get(`k${n}`)), get('none'));
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    ...Array<string>(8).fill('value'),
    ...Array<string>(3).fill('later'),
  ]);
});

test.each([
  ['nothing', new Uint8Array()],
  ['no operations', operationsToBytes([])],
  ['too many', operationsToBytes(Array.from({ length: MAX_BULK_OPERATIONS + 1 }, () => get('k')))],
  ['no operations at all', utf8('{"operations":[]}')],
])('%s is no bulk', async (_what, payload) => {
  const answer = await post(rig(), payload);
  expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'INVALID_BODY']);
});
