/**
 * Plain bytes read as a journal.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, systemClock, systemRandom } from '../../base/index.ts';
import { seededRandom } from '../../base/testing/index.ts';
import { openSession } from '../open/open-session.ts';
import { findPlan } from '../read/plan.ts';
import { estimateHead } from '../read/head.ts';
import { JournalReader } from '../read/reader.ts';
import { listJournals } from './list-slots.ts';
import { plainJournal, plainStore } from './plain-store.ts';
import { verifyJournal } from './verify.ts';

const ports = { clock: systemClock, random: systemRandom };
const MIB = 1024 * 1024;

function journalOf(bytes: Uint8Array, name = 'plain/log'): ReturnType<typeof plainJournal> {
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    expect(offset + length).toBeLessThanOrEqual(bytes.length);
    return bytes.slice(offset, offset + length);
  };
  return plainJournal(plainStore('raw:test', new Map([[name, { size: bytes.length, read }]])), name);
}

async function contentOf(journal: ReturnType<typeof plainJournal>, from: number): Promise<Uint8Array> {
  const reader = new JournalReader(journal, { ...ports, from });
  const parts: Uint8Array[] = [];
  for (;;) {
    const event = await reader.next();
    if (event.kind === 'data') parts.push(event.bytes.slice());
    if (event.kind === 'tail') return concatBytes(parts);
  }
}

describe('plain content', () => {
  test('is read byte for byte from anywhere, whatever its length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (size, part) => {
          const bytes = seededRandom(size).bytes(Math.min(size, 1000));
          const content = new Uint8Array(size);
          for (let at = 0; at < size; at += 999_983) content.set(bytes.subarray(0, size - at), at);
          const from = Math.floor(part * size);
          expect(Buffer.compare(await contentOf(journalOf(content), from), content.subarray(from))).toBe(0);
          expect(await estimateHead(journalOf(content))).toBe(size);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('is a clean journal without a plan, under its name only', async () => {
    const journal = journalOf(new Uint8Array(5 * MIB).fill(7));
    expect(await verifyJournal(journal, ports)).toMatchObject({ verdict: 'clean', contentEnd: 5 * MIB });
    expect(await findPlan(journal)).toBeUndefined();
    const found = await Array.fromAsync(listJournals(journal.store));
    expect(found).toEqual([{ name: 'plain/log', generation: 'plain' }]);
    expect(await contentOf({ ...journal, name: 'plain/other' }, 0)).toHaveLength(0);
  });

  test('is never written to', async () => {
    const journal = journalOf(new Uint8Array(10));
    const reader = new JournalReader(journal, ports);
    while ((await reader.next()).kind !== 'tail');
    const opening = openSession(journal, { cursor: reader.cursor, author: 7, term: 2, ...ports });
    await expect(opening).rejects.toMatchObject({ code: 'STORE_DENIED' });
    await expect(journal.store.delete('x')).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });
});
