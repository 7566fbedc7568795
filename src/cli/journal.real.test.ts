/**
 * holdfast journal against a real S3 server: the same answers as elsewhere, and those that only a server gives.
 */
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { EXIT } from '../api/index.ts';
import { systemClock, systemRandom, utf8 } from '../base/index.ts';
import { JournalReader, openSession, slotKey, type Journal } from '../journal/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import { holdfast, type Run } from './testing/index.ts';

const ports = { clock: systemClock, random: systemRandom };
/** More than a page of a LIST. */
const SLOTS = 1005;
let server: S3Server;
let store: ObjectStore;
let journal: Journal;

beforeAll(async () => {
  server = await startS3Server();
  store = openStore(server.url, { credentials: server });
  journal = { store, name: 'real/inspected', generation: 'g1' };
  const reader = new JournalReader(journal, ports);
  while ((await reader.next()).kind !== 'tail');
  const session = await openSession(journal, { cursor: reader.cursor, author: 7, term: 1, ...ports });
  for (let i = 0; i < SLOTS; i++) await session.append(utf8(`${i};`), { barrier: true }).committed;
  await session.close();
}, 60_000);
afterAll(async () => {
  await store.close();
  await server.stop();
});

const run = (command: string, ...rest: string[]): Promise<Run> =>
  holdfast(['journal', command, server.url, ...rest], server.credentials());
const content = Array.from({ length: SLOTS }, (_, i) => `${i};`).join('');
const objectFile = (seq: number): string => join(server.directory, server.bucket, slotKey(journal, seq));

describe('holdfast journal at a real S3 server', () => {
  test('verifies, prints and counts a journal of more than one page', async () => {
    const verified = await run('verify', journal.name);
    expect(verified).toMatchObject({ code: EXIT.ok, stderr: '' });
    expect(verified.stdout).toContain(`CLEAN: slots up to ${SLOTS}, content up to byte ${content.length}`);
    expect(await run('cat', journal.name)).toMatchObject({ code: EXIT.ok, stdout: content });
    expect((await run('ls', journal.name)).stdout.trim().split('\n')).toHaveLength(SLOTS + 3);
    const stat = JSON.parse((await run('stat', journal.name, '--json')).stdout) as Record<string, unknown>;
    expect(stat).toMatchObject({ head: content.length, batches: SLOTS, sessions: 1, absent: 0 });
    expect(stat['newest']).toMatch(/^\d{4}-/);
  });

  test('finds damage behind the server’s back and names each object', async () => {
    const flipped = await readFile(objectFile(500));
    const whole = Buffer.from(flipped);
    flipped[flipped.length - 1]! ^= 4;
    await writeFile(objectFile(500), flipped);
    const lost = await readFile(objectFile(1002));
    await unlink(objectFile(1002));
    const { code, stdout } = await run('verify', journal.name, '--json');
    expect(code).toBe(EXIT.dataLoss);
    const begin = (seq: number): number => content.split(';', seq - 1).join(';').length + 1;
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'damaged',
      findings: [
        {
          kind: 'payload-checksum',
          seq: 500,
          key: slotKey(journal, 500),
          content: { begin: begin(500), end: begin(501) },
        },
        {
          kind: 'missing-slots',
          seq: 1002,
          lastSeq: 1002,
          key: slotKey(journal, 1002),
          content: { begin: begin(1002), end: begin(1003) },
        },
      ],
    });
    await writeFile(objectFile(500), whole);
    await writeFile(objectFile(1002), lost);
    expect((await run('verify', journal.name)).code).toBe(EXIT.ok);
  });

  test('says that the bucket is missing, that the credentials are wrong, that nobody answers', async () => {
    const bucket = server.url.replace('s3://holdfast', 's3://nothere');
    const missing = await holdfast(['journal', 'ls', bucket], server.credentials());
    expect(missing).toMatchObject({
      code: EXIT.storeRefused,
      stderr: expect.stringMatching(/^STORE_NO_BUCKET: .*\n$/),
    });
    const wrong = { ...server.credentials(), AWS_SECRET_ACCESS_KEY: 'wrong' };
    const denied = await holdfast(['journal', 'stat', server.url, journal.name], wrong);
    expect(denied).toMatchObject({
      code: EXIT.storeRefused,
      stderr: expect.stringMatching(/^STORE_DENIED: .*\n$/),
    });
    const nobody = server.url.replace(/127\.0\.0\.1(:|%3A)\d+/, '127.0.0.1$11');
    const silent = await holdfast(['journal', 'verify', nobody, journal.name], server.credentials());
    expect(silent).toMatchObject({
      code: EXIT.storeRefused,
      stderr: expect.stringMatching(/STORE_UNREACHABLE: .*\n$/),
    });
  });
});
