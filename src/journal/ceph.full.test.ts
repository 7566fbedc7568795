/**
 * The journal on Ceph's gateway: commits, a handoff, a disk that freezes, and everything read back.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCephServer, type CephServer } from '../../e2e/cluster/ceph-server.ts';
import { systemClock, systemRandom, utf8 } from '../base/index.ts';
import { openStore, type ObjectStore } from '../store/index.ts';
import { JournalReader, openSession, type Journal, type Session } from './index.ts';

const ports = { clock: systemClock, random: systemRandom };
let server: CephServer;
let store: ObjectStore;

beforeAll(async () => {
  server = await startCephServer();
  store = openStore(server.url, { credentials: server });
});
afterAll(async () => {
  await store?.close();
  await server?.stop();
});

async function readAll(journal: Journal): Promise<{ text: string; reader: JournalReader }> {
  const reader = new JournalReader(journal, ports);
  let text = '';
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'tail') return { text, reader };
    if (event.kind === 'data') text += Buffer.from(event.bytes).toString();
  }
}

async function open(journal: Journal, term: number): Promise<Session> {
  const { reader } = await readAll(journal);
  return await openSession(journal, {
    cursor: reader.cursor,
    author: 1 + systemRandom.below(2 ** 31),
    term,
    ...ports,
  });
}

const append = (session: Session, text: string): Promise<void> =>
  session.append(utf8(text), { barrier: true }).committed;
const lines = (who: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${who}${i};`);

describe('a journal on Ceph', () => {
  test('hands over from writer to writer: every acknowledged append is there once, in order, and the old writer is fenced', async () => {
    const journal: Journal = { store, name: 'ceph/handoffs', generation: 'g1' };
    let old: Session | undefined;
    for (const [term, who] of ['a', 'b', 'c', 'd'].entries()) {
      const session = await open(journal, term + 1);
      if (old) await expect(append(old, 'zombie;')).rejects.toMatchObject({ code: 'FENCED' });
      for (const line of lines(who, 25)) await append(session, line);
      old = session;
    }
    const wanted = ['a', 'b', 'c', 'd'].flatMap((who) => lines(who, 25)).join('');
    expect((await readAll(journal)).text).toBe(wanted);
  });

  test('outlives a disk that freezes in the middle of an append', async () => {
    const journal: Journal = { store, name: 'ceph/frozen', generation: 'g1' };
    const session = await open(journal, 1);
    await append(session, 'before;');
    server.pauseDisk();
    const held = append(session, 'during;');
    await systemClock.sleep(1_500);
    server.resumeDisk();
    await held;
    await append(session, 'after');
    expect((await readAll(journal)).text).toBe('before;during;after');
  });
});
