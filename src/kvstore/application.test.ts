import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
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
import { ProposalFailedError, ProposalQueueFullError } from '../statemachine/index.ts';
import { KvApplication } from './application.ts';
import { encodeCommand } from './command.ts';
import { ScriptedLog, scriptedFactory, ScriptedReplica } from './testing/scripted-replica.ts';

interface Reply {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Rig {
  readonly application: KvApplication;
  readonly replica: ScriptedReplica;
  readonly log: ScriptedLog;
  readonly metrics: Metrics;
  readonly url: string;
  readonly lag: { value: { bytes: number; sinceMs: number } | undefined };
  readonly put: (value: string, requestId?: string) => Promise<Reply>;
  readonly get: (query?: string) => Promise<Reply>;
}

const opened: KvApplication[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((application) => application.close()));
});

async function rig(options: { opened?: Promise<void>; requestDeadlineMs?: number } = {}): Promise<Rig> {
  const replica = new ScriptedReplica();
  const lag: Rig['lag'] = { value: undefined };
  const metrics = createMetrics();
  const application = new KvApplication({
    replicas: () => scriptedFactory(replica, options.opened),
    requestDeadlineMs: options.requestDeadlineMs ?? 10_000,
  });
  opened.push(application);
  const { port } = await application.start({
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    metrics,
    clock: systemClock,
    random: systemRandom,
    lag: () => lag.value,
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
    url,
    lag,
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

function stored(replica: ScriptedReplica, value: string): void {
  const pairs = [{ key: Buffer.from('k'), value: Buffer.from(value) }];
  replica.apply(encodeCommand({ kind: 'put', pairs }), `stored ${value}`);
}

const none = undefined as never; // the scripted factory looks at no directory
const fenced = new FencedError('j', 'author 2', 'not-appended');
const broken = new HoldfastError('TEST', 'broken on purpose');

describe('before it is a primary', () => {
  test('a replica that has just started is not the primary for anything', async () => {
    const { put, get } = await rig();
    for (const reply of [await put('v'), await get(), await get('?consistency=stale')])
      expect([reply.status, reply.code, reply.headers['retry-after']]).toEqual([421, 'NOT_PRIMARY', '1']);
  });

  test('a standby answers stale reads with its position and lag, and nothing else', async () => {
    const { application, replica, lag, put, get } = await rig();
    await application.follow(none);
    stored(replica, 'seen');
    const unknown = await get('?consistency=stale');
    expect([unknown.text, unknown.headers['holdfast-lag-bytes']]).toEqual(['seen', 'unknown']);
    lag.value = { bytes: 4711, sinceMs: 20 };
    stored(replica, 'newer');
    const known = await get('?consistency=stale');
    expect(known.text).toBe('newer');
    expect(known.headers['holdfast-lag-bytes']).toBe('4711');
    expect(known.headers['holdfast-applied-index']).toBe('2');
    expect([(await put('v')).code, (await get()).code]).toEqual(['NOT_PRIMARY', 'NOT_PRIMARY']);
    expect(application.status()).toEqual({ appliedIndex: 2, keys: 1 });
  });

  test('a standby that finds damage stops answering at once', async () => {
    const { application, replica, get } = await rig();
    await application.follow(none);
    stored(replica, 'seen');
    replica.fail(broken);
    await Promise.resolve();
    expect((await get('?consistency=stale')).code).toBe('NOT_PRIMARY');
  });

  test('while it takes over nothing is answered, whatever has been applied already', async () => {
    const gate = Promise.withResolvers<void>();
    const { application, replica, log, put, get } = await rig({ opened: gate.promise });
    await application.follow(none);
    stored(replica, 'seen');
    const opening = application.open(log.context());
    expect([(await put('v')).code, (await get()).code]).toEqual(['NOT_PRIMARY', 'NOT_PRIMARY']);
    gate.resolve();
    await opening;
    const write = put('v');
    await until(() => replica.proposals.length === 1);
    replica.confirm();
    expect((await write).status).toBe(200);
  });

  test('when its state cannot be opened it says so to its host and answers nothing', async () => {
    const { application, log, get } = await rig({ opened: Promise.reject(broken) });
    await application.follow(none);
    await expect(application.open(log.context())).rejects.toBe(broken);
    expect((await get('?consistency=stale')).code).toBe('NOT_PRIMARY');
  });
});

describe('writes of a primary', () => {
  async function serving(requestDeadlineMs?: number): Promise<Rig> {
    const made = await rig(requestDeadlineMs === undefined ? {} : { requestDeadlineMs });
    await made.application.open(made.log.context());
    return made;
  }

  test('are answered when the log has confirmed them and not before', async () => {
    const { replica, put } = await serving();
    let answered = false;
    const write = put('v').finally(() => (answered = true));
    await until(() => replica.proposals.length === 1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    replica.confirm();
    expect((await write).status).toBe(200);
  });

  test.each([
    ['known not to be in the log', new ProposalFailedError('rejected', broken), 503, 'NOT_APPENDED'],
    ['perhaps in the log', new ProposalFailedError('unknown', broken), 503, 'OUTCOME_UNKNOWN'],
    ['failed in a way nobody foresaw', broken, 503, 'OUTCOME_UNKNOWN'],
    ['too many', new ProposalQueueFullError(1, 1), 429, 'OVERLOADED'],
  ] as const)('%s are said to be so', async (_, error, status, code) => {
    const { replica, put } = await serving();
    const write = put('v');
    await until(() => replica.proposals.length === 1);
    replica.failAll(error);
    const reply = await write;
    expect([reply.status, reply.code]).toEqual([status, code]);
  });

  test('have a deadline; what the log decides later is not made up', async () => {
    const { replica, put } = await serving(30);
    expect((await put('v', 'id-1')).code).toBe('OUTCOME_UNKNOWN');
    expect(replica.proposals).toHaveLength(1);
    replica.confirm();
    const again = put('v', 'id-1');
    await until(() => replica.proposals.length === 1);
    replica.confirm();
    expect((await again).status).toBe(200);
    expect(replica.appliedIndex).toBe(1);
  });

  test('with a used request id and other content are refused, and change nothing', async () => {
    const { replica, put } = await serving();
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

  test('under way when it drains are answered; new ones are sent elsewhere; reads go on', async () => {
    const { application, replica, log, put, get } = await serving();
    const write = put('v');
    await until(() => replica.proposals.length === 1);
    let drained = false;
    const draining = application.drain().then(() => (drained = true));
    const refused = await put('w');
    expect([refused.code, refused.headers['retry-after']]).toEqual(['NOT_PRIMARY', '1']);
    expect(drained).toBe(false);
    replica.confirm();
    await draining;
    expect((await write).status).toBe(200);
    const read = get();
    await until(() => log.reads.length === 1);
    log.reads[0]!.resolve();
    expect((await read).text).toBe('v');
  });

  test('a drain that must not wait for ever ends with its signal', async () => {
    const { application, replica, put } = await serving();
    const write = put('v');
    await until(() => replica.proposals.length === 1);
    const abort = new AbortController();
    const draining = application.drain(abort.signal);
    abort.abort(broken);
    await expect(draining).rejects.toBe(broken);
    replica.confirm();
    expect((await write).status).toBe(200);
  });

  test('are counted: keys and bytes are in the metrics', async () => {
    const { application, replica, metrics } = await serving();
    stored(replica, 'four');
    expect(application.status()).toEqual({ appliedIndex: 1, keys: 1 });
    const text = await metrics.render();
    expect(text).toContain('holdfast_kv_keys 1');
    expect(text).toContain('holdfast_kv_data_bytes 5');
  });
});

describe('reads of a primary', () => {
  async function serving(requestDeadlineMs?: number): Promise<Rig> {
    const made = await rig(requestDeadlineMs === undefined ? {} : { requestDeadlineMs });
    await made.application.open(made.log.context());
    stored(made.replica, 'old');
    return made;
  }

  test('see what was acknowledged while they waited for the read index (A2)', async () => {
    const { replica, log, get, put } = await serving();
    const read = get();
    await until(() => log.reads.length === 1);
    const write = put('new');
    await until(() => replica.proposals.length === 1);
    replica.confirm();
    await write;
    log.reads[0]!.resolve();
    const reply = await read;
    expect(reply.text).toBe('new');
    expect(reply.headers['holdfast-applied-index']).toBe('2');
    expect(reply.headers['holdfast-lag-bytes']).toBe('0');
  });

  test('are refused when the session ends while they wait, even if their read index is confirmed afterwards (A2)', async () => {
    const { log, get } = await serving();
    const read = get();
    await until(() => log.reads.length === 1);
    log.end({ kind: 'fenced', by: undefined, error: fenced });
    await Promise.resolve();
    log.reads[0]!.resolve();
    const reply = await read;
    expect([reply.status, reply.code]).toEqual([421, 'NOT_PRIMARY']);
  });

  test('a fenced primary answers no read any more, not even a stale one, and takes no write (A3)', async () => {
    const { application, replica, log, get, put } = await serving();
    expect((await get('?consistency=stale')).text).toBe('old');
    log.end({ kind: 'fenced', by: undefined, error: fenced });
    await Promise.resolve();
    for (const reply of [await get(), await get('?consistency=stale'), await put('v')])
      expect([reply.status, reply.code]).toEqual([421, 'NOT_PRIMARY']);
    expect(log.reads).toHaveLength(0);
    expect(replica.proposals).toHaveLength(0);
    await expect(application.checkpoint()).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  test('a runtime that halts ends the service in the same way', async () => {
    const { replica, get } = await serving();
    replica.halt(broken);
    await Promise.resolve();
    expect((await get('?consistency=stale')).code).toBe('NOT_PRIMARY');
  });

  test('a read index that is fenced, fails or does not come in time is told apart', async () => {
    const { log, get } = await serving(500);
    const told = get();
    await until(() => log.reads.length === 1);
    log.reads[0]!.reject(fenced);
    expect([(await told).status, (await told).code]).toEqual([421, 'NOT_PRIMARY']);
    const failed = get();
    await until(() => log.reads.length === 2);
    log.reads[1]!.reject(broken);
    expect([(await failed).status, (await failed).code]).toEqual([503, 'READ_NOT_CONFIRMED']);
    const late = await get();
    expect([late.status, late.code]).toEqual([503, 'READ_NOT_CONFIRMED']);
  });
});

describe('the end', () => {
  test('close answers what waits, closes its state once and lets the port go', async () => {
    const { application, replica, log, url, put, get } = await rig();
    await application.open(log.context());
    const write = put('v');
    await until(() => replica.proposals.length === 1);
    const read = get();
    await until(() => log.reads.length === 1);
    await Promise.all([application.close(), application.close()]);
    expect([(await write).code, (await read).code]).toEqual(['OUTCOME_UNKNOWN', 'NOT_PRIMARY']);
    expect(replica.closed).toBe(1);
    await expect(request(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a client that never finishes its request does not hold close up', async () => {
    const { application, url } = await rig();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
    socket.on('error', () => undefined); // a reset is what is expected
    const gone = once(socket, 'close');
    await application.close();
    await gone;
  });

  test('a standby and a replica that never opened close too', async () => {
    const { application, replica } = await rig();
    await application.follow(none);
    await application.close();
    expect(replica.closed).toBe(1);
    const fresh = new KvApplication({ replicas: () => scriptedFactory(new ScriptedReplica()) });
    await fresh.close();
    expect(fresh.status()).toEqual({ appliedIndex: 0 });
  });

  test('closed while it opens, it closes what was opened', async () => {
    const gate = Promise.withResolvers<void>();
    const { application, replica, log } = await rig({ opened: gate.promise });
    const opening = application.open(log.context());
    const closing = application.close();
    gate.resolve();
    await Promise.all([opening, closing]);
    expect(replica.closed).toBe(1);
  });
});
