/**
 * What the roles of a replica (src/service) look like to a client of the key-value service: statuses, codes, headers, metrics.
 */
import { afterEach, expect, test } from '@jest/globals';
import { request } from 'undici';
import {
  createMetrics,
  HoldfastError,
  silentLogger,
  systemClock,
  systemRandom,
  type Metrics,
} from '../base/index.ts';
import { FencedError } from '../journal/index.ts';
import { ServiceApplication } from '../service/index.ts';
import { ScriptedLog, scriptedFactory, ScriptedReplica } from '../service/testing/index.ts';
import { ProposalFailedError, ProposalQueueFullError } from '../statemachine/index.ts';
import { serveKv, type KvApplication } from './application.ts';
import { encodeCommand } from './command.ts';
import { MemoryEngine } from './engine/memory-engine.ts';
import { type Answer, type Query } from './engine/types.ts';

interface Reply {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Rig {
  readonly application: KvApplication;
  readonly replica: ScriptedReplica<Query, Answer>;
  readonly log: ScriptedLog;
  readonly metrics: Metrics;
  readonly put: (value: string, requestId?: string) => Promise<Reply>;
  readonly get: (query?: string) => Promise<Reply>;
}

const opened: KvApplication[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((application) => application.close()));
});

async function rig(requestDeadlineMs = 10_000): Promise<Rig> {
  const machine = new MemoryEngine();
  const replica = new ScriptedReplica<Query, Answer>(machine);
  const metrics = createMetrics();
  const application = new ServiceApplication({
    replicas: () => scriptedFactory(replica),
    serve: serveKv(machine, { requestDeadlineMs }),
  });
  opened.push(application);
  const { port } = await application.start({
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    metrics,
    clock: systemClock,
    random: systemRandom,
    lag: () => ({ bytes: 4711, sinceMs: 20 }),
  });
  const url = `http://127.0.0.1:${port}/v1/kv/k`;
  const call = async (target: string, init?: Parameters<typeof request>[1]): Promise<Reply> => {
    const reply = await request(target, init); // not fetch, which by its standard repeats a request that got 421
    const text = await reply.body.text();
    const code = reply.statusCode < 300 ? undefined : (JSON.parse(text) as { code: string }).code;
    return { status: reply.statusCode, code, text, headers: reply.headers };
  };
  return {
    application,
    replica,
    log: new ScriptedLog(),
    metrics,
    put: (value, requestId) =>
      call(url, {
        method: 'PUT',
        body: value,
        headers: requestId === undefined ? {} : { 'holdfast-request-id': requestId },
      }),
    get: (query = '') => call(url + query),
  };
}

/** Lets sockets and promises run until `reached`; a state that never comes ends as the test's timeout. */
async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setImmediate(resolve));
}

function stored(replica: ScriptedReplica<Query, Answer>, value: string): void {
  const pairs = [{ key: Buffer.from('k'), value: Buffer.from(value) }];
  replica.apply(encodeCommand({ kind: 'put', pairs }));
}

const none = undefined as never; // the scripted factory looks at no directory
const broken = new HoldfastError('TEST', 'broken on purpose');

test('a replica that is not the primary says so, and when to ask again', async () => {
  const { application, log, put, get } = await rig();
  const refused = [421, 'NOT_PRIMARY', '1'];
  for (const reply of [await put('v'), await get(), await get('?consistency=stale')])
    expect([reply.status, reply.code, reply.headers['retry-after']]).toEqual(refused);
  await application.open(log.context());
  const fenced = new FencedError('j', 'author 2', 'not-appended');
  log.end({ kind: 'fenced', by: undefined, error: fenced });
  for (const reply of [await put('v'), await get(), await get('?consistency=stale')])
    expect([reply.status, reply.code, reply.headers['retry-after']]).toEqual(refused);
});

test('a standby answers stale reads with its position and lag', async () => {
  const { application, replica, get } = await rig();
  await application.follow(none);
  stored(replica, 'seen');
  const reply = await get('?consistency=stale');
  expect([reply.status, reply.text]).toEqual([200, 'seen']);
  expect(reply.headers).toMatchObject({ 'holdfast-lag-bytes': '4711', 'holdfast-applied-index': '1' });
});

test('a primary answers a linearizable read once the log has confirmed that it is one', async () => {
  const { application, replica, log, get } = await rig();
  await application.open(log.context());
  stored(replica, 'v');
  const read = get();
  await until(() => log.reads.length === 1);
  log.reads[0]!.resolve();
  const reply = await read;
  expect([reply.text, reply.headers['holdfast-lag-bytes']]).toEqual(['v', '0']);
  const failed = get();
  await until(() => log.reads.length === 2);
  log.reads[1]!.reject(broken);
  expect([(await failed).status, (await failed).code]).toEqual([503, 'READ_NOT_CONFIRMED']);
});

test.each([
  ['known not to be in the log', new ProposalFailedError('rejected', broken), 503, 'NOT_APPENDED'],
  ['perhaps in the log', new ProposalFailedError('unknown', broken), 503, 'OUTCOME_UNKNOWN'],
  ['too many', new ProposalQueueFullError(1, 1), 429, 'OVERLOADED'],
] as const)('writes that are %s are said to be so', async (_, error, status, code) => {
  const { application, replica, log, put } = await rig();
  await application.open(log.context());
  const write = put('v');
  await until(() => replica.proposals.length === 1);
  replica.failAll(error);
  expect([(await write).status, (await write).code]).toEqual([status, code]);
});

test('a write has a deadline; its repetition with the same request id takes effect once', async () => {
  const { application, replica, log, put } = await rig(30);
  await application.open(log.context());
  expect((await put('v', 'id-1')).code).toBe('OUTCOME_UNKNOWN');
  replica.confirm();
  const again = put('v', 'id-1');
  await until(() => replica.proposals.length === 1);
  replica.confirm();
  expect((await again).status).toBe(200);
  expect(replica.appliedIndex).toBe(1);
});

test('a used request id with other content is refused, and changes nothing', async () => {
  const { application, replica, log, put } = await rig();
  await application.open(log.context());
  const send = async (value: string): Promise<Reply> => {
    const write = put(value, 'id-1');
    await until(() => replica.proposals.length === 1);
    replica.confirm();
    return await write;
  };
  expect((await send('v')).status).toBe(200);
  expect((await send('v')).status).toBe(200);
  const other = await send('w');
  expect([other.status, other.code]).toEqual([422, 'REQUEST_ID_REUSED']);
  expect(replica.appliedIndex).toBe(1);
});

test('keys and bytes are in the metrics whenever they are asked for', async () => {
  const { replica, metrics } = await rig();
  stored(replica, 'four');
  const text = await metrics.render();
  expect(text).toContain('holdfast_kv_keys 1');
  expect(text).toContain('holdfast_kv_data_bytes 5');
});
