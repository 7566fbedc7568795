/**
 * Memory and file keep the contract of the port, and so does a faulty store whose network works.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seededRandom } from '../base/testing/index.ts';
import { systemClock, utf8 } from '../base/index.ts';
import { openStore } from './index.ts';
import { FaultyStore, MemoryStore, storeContract } from './testing/index.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const memory = openStore('memory:');
storeContract('memory', async () => memory, { describe, test });
storeContract('file', async () => openStore(`file://${root}`), { describe, test });

const faulty = new FaultyStore(new MemoryStore(), { clock: systemClock, random: seededRandom(1) });
storeContract('a faulty store without faults', async () => faulty.as('client'), { describe, test });

test.each(['memory:', 'file', 's3://bucket?endpoint=http://127.0.0.1:9'])(
  'a closed store (%s) answers every call with STORE_CLOSED, and may be closed again',
  async (url) => {
    const credentials = { accessKeyId: 'unused', secretAccessKey: 'unused' };
    const store = openStore(url === 'file' ? `file://${root}` : url, { credentials });
    await store.close();
    await store.close();
    expect(await store.create('k', utf8('x'))).toMatchObject({
      kind: 'refused',
      cause: { code: 'STORE_CLOSED', retryable: false },
    });
    for (const call of [
      () => store.get('k'),
      () => store.head('k'),
      () => store.list(''),
      () => store.delete('k'),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  },
);
