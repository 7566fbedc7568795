/**
 * The S3 adapter against a real S3 server: the contract, the probe, and the errors of a bad day.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type S3Server, startS3Server } from '../../e2e/cluster/s3-server.ts';
import { createMetrics, systemClock, systemRandom, utf8 } from '../base/index.ts';
import { openStore, probeStore, requireFitStore, type ObjectStore, type OpenStoreOptions } from './index.ts';
import { storeContract } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
let server: S3Server;
const opened: ObjectStore[] = [];

function open(change: (url: string) => string = (url) => url, options: OpenStoreOptions = {}): ObjectStore {
  const store = openStore(change(server.url), { credentials: server, ...options });
  opened.push(store);
  return store;
}
const inPrefix =
  (prefix: string) =>
  (url: string): string =>
    url.replace('?', `/${prefix}?`);

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(async () => {
  for (const store of opened) await store.close();
  await server.stop();
});

storeContract('s3', async () => open(), { describe, test });
storeContract('s3 below a prefix', async () => open(inPrefix('team a/x=1')), { describe, test });

describe('s3', () => {
  test('the probe finds every promise kept and leaves nothing behind', async () => {
    const store = open(inPrefix('probed'));
    const report = await requireFitStore(store, ports);
    expect(report.properties.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.clockSkewMs).toBe(0);
    expect((await store.list('')).objects).toEqual([]);
  });

  test('two prefixes of one bucket do not see each other', async () => {
    const [one, two] = [open(inPrefix('p')), open(inPrefix('p2'))];
    await one.create('k', utf8('1'));
    expect(await two.get('k')).toBeUndefined();
    expect((await two.list('')).objects).toEqual([]);
    expect((await one.list('')).objects.map(({ key }) => key)).toEqual(['k']);
  });

  test('wrong credentials are denied, as an error that names neither key nor secret', async () => {
    const credentials = [
      { accessKeyId: server.accessKeyId, secretAccessKey: 'wrong-secret' },
      { accessKeyId: 'WRONGKEY', secretAccessKey: 'wrong-secret' },
    ];
    for (const wrong of credentials) {
      const store = open(undefined, { credentials: wrong });
      for (const read of [
        store.get('k'),
        store.head('k'),
        store.list(''),
        store.delete('k'),
        probeStore(store, ports),
      ])
        await expect(read).rejects.toMatchObject({ code: 'STORE_DENIED', retryable: false });
      const outcome = await store.create('k', utf8('x'));
      expect(outcome).toMatchObject({ kind: 'refused', cause: { code: 'STORE_DENIED' } });
      expect(JSON.stringify(outcome) + String(outcome.kind === 'refused' && outcome.cause)).not.toMatch(
        /WRONGKEY|wrong-secret/,
      );
    }
  });

  test('credentials come from the environment when none are given', async () => {
    const before = { ...process.env };
    Object.assign(process.env, server.credentials());
    try {
      const store = openStore(inPrefix('env')(server.url));
      opened.push(store);
      expect(await store.create('k', utf8('x'))).toEqual({ kind: 'created' });
      expect(store.url).not.toContain(server.accessKeyId);
    } finally {
      process.env = before;
    }
  });

  test('a missing bucket is an error for every operation, and never an absent object', async () => {
    const store = open((url) => url.replace('s3://holdfast', 's3://nothere'));
    for (const read of [
      store.get('k'),
      store.head('k'),
      store.list(''),
      store.delete('k'),
      probeStore(store, ports),
    ])
      await expect(read).rejects.toMatchObject({ code: 'STORE_NO_BUCKET', retryable: false });
    expect(await store.create('k', utf8('x'))).toMatchObject({
      kind: 'refused',
      cause: { code: 'STORE_NO_BUCKET' },
    });
  });

  test('calls are counted by operation and outcome, bytes both ways', async () => {
    const metrics = createMetrics();
    const [store, other] = [open(inPrefix('metered'), { metrics }), open(inPrefix('metered'), { metrics })];
    await store.create('k', utf8('12345'));
    await other.create('k', utf8('12345'));
    await store.get('k');
    await store.get('absent');
    const text = await metrics.render();
    expect(text).toContain('holdfast_store_requests_total{operation="create",outcome="created"} 1');
    expect(text).toContain('holdfast_store_requests_total{operation="create",outcome="exists"} 1');
    expect(text).toContain('holdfast_store_requests_total{operation="get",outcome="absent"} 1');
    expect(text).toContain('holdfast_store_bytes_total{direction="out"} 10');
    expect(text).toContain('holdfast_store_bytes_total{direction="in"} 5');
    expect(text).toContain('holdfast_store_request_seconds_count{operation="get"} 2');
  });
});

describe('s3 on a bad day', () => {
  test('a store that is down leaves creates undecided and reads failed; back again, the same store object works', async () => {
    const store = open(inPrefix('down'));
    await store.create('kept', utf8('x'));
    await server.kill();
    await expect(store.get('kept')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      retryable: true,
      fields: { attempts: 4 },
    });
    await expect(probeStore(store, ports)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(await store.create('new', utf8('y'))).toMatchObject({
      kind: 'undecided',
      cause: { code: 'STORE_UNREACHABLE' },
    });
    await server.restart();
    expect((await store.get('kept'))?.body).toEqual(utf8('x'));
    expect(await store.create('new', utf8('y'))).toEqual({ kind: 'created' });
  });

  test('a silent store: the create ends with its signal, undecided, and turns out to have happened', async () => {
    const store = open(inPrefix('silent'));
    await store.create('first', utf8('x')); // a connection that will go silent
    server.pause();
    const signal = AbortSignal.timeout(300);
    const outcome = await store.create('slot', utf8('frozen bytes'), { signal });
    expect(outcome).toMatchObject({ kind: 'undecided', cause: { code: 'STORE_ABORTED' } });
    server.resume();
    const again = await store.create('slot', utf8('frozen bytes'), { freshConnection: true });
    expect(['created', 'exists']).toContain(again.kind);
    expect((await store.get('slot'))?.body).toEqual(utf8('frozen bytes'));
  });

  test('a silent store: a read gives up its attempt by itself and succeeds on a fresh connection', async () => {
    const store = open(inPrefix('silent-read'));
    await store.create('k', utf8('x'));
    server.pause();
    const read = store.get('k');
    setTimeout(() => server.resume(), 2_500); // after the first attempt's two seconds
    expect((await read)?.body).toEqual(utf8('x'));
  });
});
