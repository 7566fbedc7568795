/**
 * The journal on a real S3 server: two processes' worth of writers, a server that freezes, dies and comes back, and a client that
 * tails it all. What the simulation shows for the protocol, this shows for the whole stack below it.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { systemClock, systemRandom, utf8 } from '../base/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import {
  JournalReader,
  openSession,
  slotPrefix,
  type Journal,
  type Session,
  type SessionOptions,
} from './index.ts';

const ports = { clock: systemClock, random: systemRandom };
let server: S3Server;
let store: ObjectStore;
let journals = 0;

beforeAll(async () => {
  server = await startS3Server();
  store = openStore(server.url, { credentials: server });
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

function newJournal(): Journal {
  return { store, name: `real/journal-${journals++}`, generation: 'g1' };
}

async function readAll(journal: Journal): Promise<{ text: string; reader: JournalReader }> {
  const reader = new JournalReader(journal, ports);
  let text = '';
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'tail') return { text, reader };
    if (event.kind === 'data') text += Buffer.from(event.bytes).toString();
  }
}

async function open(journal: Journal, term: number, options: Partial<SessionOptions> = {}): Promise<Session> {
  const { reader } = await readAll(journal);
  return await openSession(journal, {
    cursor: reader.cursor,
    author: 1 + systemRandom.below(2 ** 31),
    term,
    options,
    ...ports,
  });
}

const append = (session: Session, text: string): Promise<void> =>
  session.append(utf8(text), { barrier: true }).committed;

describe('a journal on a real S3 server', () => {
  test('commits, is tailed as it grows, and is fenced by a second writer', async () => {
    const journal = newJournal();
    const old = await open(journal, 1);
    const tailer = new JournalReader(journal, ports);
    const seen: string[] = [];
    const tailing = (async () => {
      while (seen.join('') !== 'abcnew') {
        const event = await tailer.next();
        if (event.kind === 'data') seen.push(Buffer.from(event.bytes).toString());
      }
    })();
    for (const text of ['a', 'b', 'c']) await append(old, text);
    const next = await open(journal, 2);
    await expect(append(old, 'zombie')).rejects.toMatchObject({ code: 'FENCED', outcome: 'not-appended' });
    await append(next, 'new');
    await tailing;
    expect((await readAll(journal)).text).toBe('abcnew');
  });

  test.each(['zstd', 'gzip'] as const)(
    'megabytes go through %s and come back, in a fraction of the bytes',
    async (compression) => {
      const journal = newJournal();
      const session = await open(journal, 1, { compression });
      const line = (i: number): string =>
        `{"id":${i},"customer":"customer-${(i * 7919) % 5000}","state":"shipped"}\n`;
      const text = Array.from({ length: 150_000 }, (_, i) => line(i)).join('');
      await append(session, text);
      await session.close();
      expect((await readAll(journal)).text === text).toBe(true);
      const { objects } = await store.list(slotPrefix(journal));
      const stored = objects.reduce((total, { size }) => total + size, 0);
      expect(stored).toBeLessThan(text.length / 2);
    },
  );

  test('a server that freezes in the middle of a PUT costs time, and the append is in the log once', async () => {
    const journal = newJournal();
    const session = await open(journal, 1, { firstAttemptMs: 300, laterAttemptMs: 300 });
    await append(session, 'before;');
    server.pause();
    const held = append(session, 'during;');
    await systemClock.sleep(1000);
    server.resume();
    await held;
    await append(session, 'after');
    expect((await readAll(journal)).text).toBe('before;during;after');
  });

  test('a server that is killed and comes back loses nothing that was acknowledged', async () => {
    const journal = newJournal();
    const session = await open(journal, 1, { firstAttemptMs: 300 });
    for (let i = 0; i < 20; i++) await append(session, `${i};`);
    await server.kill();
    const held = append(session, 'held');
    await systemClock.sleep(300);
    await server.restart();
    await held;
    const wanted = Array.from({ length: 20 }, (_, i) => `${i};`).join('');
    expect((await readAll(journal)).text).toBe(`${wanted}held`);
  });

  test('a store that stays away ends the session with an outcome that is honestly unknown; the next fence decides', async () => {
    const journal = newJournal();
    const session = await open(journal, 1, { firstAttemptMs: 200, laterAttemptMs: 200, giveUpMs: 800 });
    await append(session, 'kept;');
    server.pause();
    await expect(append(session, 'maybe;')).rejects.toMatchObject({
      code: 'APPEND_UNKNOWN',
      outcome: 'unknown',
    });
    server.resume();
    const next = await open(journal, 2);
    await append(next, 'next');
    expect((await readAll(journal)).text).toMatch(/^kept;(maybe;)?next$/);
  });

  test('a writer process killed with SIGKILL in full flight: what it had printed as acknowledged is there', async () => {
    const journal = newJournal();
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'testing', 'writer-process.ts'), server.url, journal.name],
      {
        env: { PATH: process.env['PATH'], ...server.credentials() },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let printed = '';
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk;
        if (printed.split('\n').length > 40) resolve();
      });
    });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const acknowledged = printed.slice(0, printed.lastIndexOf('\n')).split('\n');
    const next = await open(journal, 2);
    await append(next, 'successor');
    const { text } = await readAll(journal);
    expect(text.startsWith(acknowledged.map((line) => `${line};`).join(''))).toBe(true);
    expect(text.endsWith('successor')).toBe(true);
  });

  test('linearizable reads see every append that was acknowledged before them, across two writers', async () => {
    const journal = newJournal();
    const one = await open(journal, 1);
    await append(one, 'x');
    await one.readIndex();
    const two = await open(journal, 2);
    await append(two, 'y');
    await expect(one.readIndex()).rejects.toMatchObject({ code: 'FENCED' });
    await two.readIndex();
    expect(two.head).toBe(2);
  });
});
