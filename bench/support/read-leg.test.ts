import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../../src/base/index.ts';
import type { Journal } from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import { openAtTail } from './journal.ts';
import { CONTENT_FILE, readJournal } from './read-leg.ts';

const APPENDS = 5;
const APPEND_BYTES = 700_000;

let directory: string;
let journal: Journal;
let content: Uint8Array;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-read-leg-'));
  journal = { store: openStore('memory:'), name: 'bench/test', generation: 'g1' };
  const session = await openAtTail(journal);
  content = systemRandom.bytes(APPENDS * APPEND_BYTES);
  for (let i = 0; i < APPENDS; i++)
    await session.append(content.subarray(i * APPEND_BYTES, (i + 1) * APPEND_BYTES), { barrier: true })
      .committed;
  await session.close();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('the journal leg brings every byte to the disk, in order', async () => {
  expect(await readJournal(journal, directory, content.length)).toBe(content.length);
  const written = await readFile(join(directory, CONTENT_FILE));
  expect(Buffer.compare(written, content)).toBe(0);
});

test('the journal leg fails when the reader comes to its tail too early: no figure without all content', async () => {
  await expect(readJournal(journal, directory, content.length + 1)).rejects.toThrow(
    /after 3500000 bytes of 3500001/,
  );
});
