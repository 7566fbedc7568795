/**
 * The S3 adapter against Ceph's gateway, the weakest conforming store we know: its own code for conditions, listings, errors and ranges.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCephServer, type CephServer } from '../../e2e/cluster/ceph-server.ts';
import { systemClock, systemRandom, utf8 } from '../base/index.ts';
import { openStore, requireFitStore, type ObjectStore } from './index.ts';
import { storeContract } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
let server: CephServer;
const opened: ObjectStore[] = [];

function open(prefix = ''): ObjectStore {
  const store = openStore(server.url.replace('?', `/${prefix}?`), { credentials: server });
  opened.push(store);
  return store;
}

beforeAll(async () => {
  server = await startCephServer();
});
afterAll(async () => {
  for (const store of opened) await store.close();
  await server?.stop();
});

storeContract('s3 on Ceph', async () => open(), { describe, test });
storeContract('s3 on Ceph below a prefix', async () => open('team a/x=1'), { describe, test });

describe('Ceph', () => {
  test('passes the probe, and nothing of it is left', async () => {
    const store = open('probed');
    expect((await requireFitStore(store, ports)).ok).toBe(true);
    expect((await store.list('')).objects).toEqual([]);
  });

  test('wrong credentials and a missing bucket are called by their names', async () => {
    const wrong = openStore(server.url, { credentials: { ...server, secretAccessKey: 'wrong-secret' } });
    const elsewhere = openStore(server.url.replace('s3://holdfast', 's3://nothere'), { credentials: server });
    opened.push(wrong, elsewhere);
    await expect(wrong.get('k')).rejects.toMatchObject({ code: 'STORE_DENIED' });
    await expect(elsewhere.get('k')).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' });
    await expect(elsewhere.head('k')).rejects.toMatchObject({ code: 'STORE_NO_BUCKET' });
    expect(await elsewhere.create('k', utf8('x'))).toMatchObject({
      kind: 'refused',
      cause: { code: 'STORE_NO_BUCKET' },
    });
  });

  test('a frozen disk: a create ends undecided, takes effect later, and its repetition finds the same bytes', async () => {
    const store = open('frozen');
    const body = utf8('frozen bytes');
    await store.create('first', utf8('x'));
    server.pauseDisk();
    try {
      const outcome = await store.create('slot', body, { signal: AbortSignal.timeout(500) });
      expect(outcome).toMatchObject({ kind: 'undecided', cause: { code: 'STORE_ABORTED' } });
    } finally {
      server.resumeDisk();
    }
    const again = await store.create('slot', body, { freshConnection: true });
    expect(again.kind).not.toBe('refused');
    expect((await store.get('slot'))?.body).toEqual(body);
    expect(await store.create('slot', utf8('other'))).toEqual({ kind: 'exists' });
  });
});
