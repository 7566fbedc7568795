/**
 * The disk under the S3 server is full: a tmpfs of a few megabytes (cluster/disks.ts), filled to the last page through the server itself.
 *
 * An append is then refused for certain, with the reason, and its session is over; what was acknowledged stays readable; whoever wants to take over
 * is told why not. Once there is room again the next session goes on, and the journal is whole.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { seededRandom } from '../../src/base/testing/index.ts';
import {
  JournalReader,
  openSession,
  verifyJournal,
  type Journal,
  type Session,
} from '../../src/journal/index.ts';
import { openStore, type ObjectStore } from '../../src/store/index.ts';
import { smallDisk, startS3Server, type S3Server } from '../cluster/index.ts';
import { Arena } from './arena.ts';
import { readAll } from './judge.ts';
import { encodeRecord, indexOf } from './records.ts';

const DISK_BYTES = 16 * 1024 * 1024;
/** From large pieces to ones that fill the last page. */
const FILLER_BYTES = [1024 * 1024, 64 * 1024, 4096, 1];
const ROUNDS = 4;
const ports = { clock: systemClock, random: systemRandom };

/** Puts objects until the store has no room for the least; their keys. */
async function fill(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for (const bytes of FILLER_BYTES) {
    for (;;) {
      const key = `filler/${systemRandom.below(2 ** 47)}`;
      const outcome = await store.create(key, new Uint8Array(bytes));
      if (outcome.kind === 'created') keys.push(key);
      else {
        expect(outcome).toMatchObject({ kind: 'refused', cause: { code: 'STORE_FULL' } });
        break;
      }
    }
  }
  return keys;
}

async function free(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.delete(key);
}

async function open(journal: Journal, term: number): Promise<Session> {
  const reader = new JournalReader(journal, ports);
  while ((await reader.next()).kind !== 'tail');
  return await openSession(journal, {
    cursor: reader.cursor,
    author: 1 + systemRandom.below(2 ** 31),
    term,
    options: { giveUpMs: 3000 },
    ...ports,
  });
}

describe('a disk that is full', () => {
  let server: S3Server;
  let store: ObjectStore;
  let journal: Journal;

  beforeEach(async () => {
    server = await startS3Server({ disk: smallDisk(DISK_BYTES) });
    store = openStore(server.url, { credentials: server });
    journal = { store, name: 'faults/full', generation: 'g1' };
  });
  afterEach(async () => {
    await store?.close();
    await server?.stop();
  });

  test('ends a session with the reason; everything acknowledged is read, and the next session goes on', async () => {
    const acknowledged: number[] = [];
    const refused: number[] = [];
    const append = async (session: Session, record: number): Promise<unknown> => {
      try {
        const { begin, committed } = session.append(encodeRecord(record), { barrier: true });
        await committed;
        expect(indexOf(begin)).toBe(acknowledged.length);
        acknowledged.push(record);
        return undefined;
      } catch (error) {
        refused.push(record);
        return error;
      }
    };
    const first = await open(journal, 1);
    let told: unknown;
    const writing = (async () => {
      for (let record = 1; told === undefined; record++) told = await append(first, record);
    })();
    const filler = await fill(store);
    await writing;
    expect(told).toMatchObject({
      code: 'NOT_APPENDED',
      outcome: 'not-appended',
      cause: { code: 'STORE_FULL', message: expect.stringContaining('no space') },
    });
    expect(await first.ended).toMatchObject({ kind: 'failed', error: { code: 'NOT_APPENDED' } });
    expect(await readAll(journal)).toEqual(acknowledged);
    await expect(open(journal, 2)).rejects.toMatchObject({ code: 'STORE_FULL' });
    await free(store, filler);
    const next = await open(journal, 2);
    expect(indexOf(next.fenceOffset)).toBe(acknowledged.length);
    expect(await append(next, 1_000_000)).toBeUndefined();
    await next.readIndex();
    await next.close();
    expect(await readAll(journal)).toEqual(acknowledged);
    expect(acknowledged.length).toBeGreaterThan(1);
    expect(acknowledged).not.toContain(refused[0]);
    const report = await verifyJournal(journal, ports);
    expect(report).toMatchObject({ verdict: 'clean', findings: { damage: 0, unverified: 0 } });
  });

  test('that is filled and freed again and again under three writers breaks no promise', async () => {
    const arena = await Arena.open(3, { server: { disk: smallDisk(DISK_BYTES) } });
    try {
      await arena.roam(seededRandom(7));
      for (let round = 1; round <= ROUNDS; round++) {
        const { acknowledged } = arena.seen();
        expect(await arena.until(() => arena.seen().acknowledged >= acknowledged + 10)).toBe(true); // it goes on
        const filler = await fill(arena.store);
        expect(
          await arena.until(() => arena.noted('STORE_FULL') + arena.noted('NOT_APPENDED') >= round),
        ).toBe(true);
        await free(arena.store, filler);
      }
      const judgement = await arena.judge();
      expect(judgement).toMatchObject({ wrong: [], linearizable: true });
    } finally {
      await arena.close();
    }
  });
});
