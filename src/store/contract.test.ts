/**
 * Memory and file keep the contract of the port, and so does a faulty store whose network works.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { seededRandom } from '../base/testing/index.ts';
import { systemClock } from '../base/index.ts';
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
