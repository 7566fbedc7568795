/**
 * The table of sessions: what it remembers, what it forgets, and how it is saved (seeds.md F4.21; dragonboat's session store tests).
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../base/index.ts';
import { REMEMBERED_SESSIONS } from './limits.ts';
import { SessionTable } from './sessions.ts';
import type { Result } from './types.ts';
import { ByteReader, ByteWriter } from './varint.ts';

const BOUNDS = { sessions: 3, resultBytes: 1000 };
const result = (value: number, data = ''): Result => ({ value, data: utf8(data) });

function saved(table: SessionTable): Uint8Array {
  const out = new ByteWriter();
  table.save(out);
  return out.finish();
}

function loaded(bytes: Uint8Array, bounds = BOUNDS): SessionTable {
  const table = new SessionTable(bounds);
  table.load(new ByteReader(bytes));
  return table;
}

/** A table with sessions of these clients, in this order. */
function tableOf(...clients: readonly bigint[]): SessionTable {
  const table = new SessionTable(BOUNDS);
  for (const [n, each] of clients.entries()) table.register(each, n + 1);
  return table;
}

describe('the answers of a session', () => {
  test('are kept until the client says that it has them (ResponseCanBeAdded, CachedResponseDataCanBeCleared)', () => {
    const table = tableOf(1n);
    for (const series of [1n, 2n, 3n]) {
      expect(table.meet(1n, series, 0n, 5)).toEqual({ kind: 'new' });
      table.settle(1n, series, result(Number(series), 'answer'));
    }
    expect(table.meet(1n, 2n, 0n, 6)).toEqual({ kind: 'known', result: result(2, 'answer') });
    expect(table.meet(1n, 4n, 2n, 7)).toEqual({ kind: 'new' });
    expect([table.peek(1n, 1n), table.peek(1n, 2n), table.peek(1n, 3n)?.value]).toEqual([
      undefined,
      undefined,
      3,
    ]);
    expect(table.meet(1n, 2n, 0n, 8)).toEqual({ kind: 'refused', refusal: 'series-answered' });
  });

  test('are bounded by bytes over all sessions: the one least recently used goes, whole', () => {
    const table = tableOf(1n, 2n, 3n);
    for (const client of [1n, 2n]) {
      table.meet(client, 1n, 0n, 10);
      table.settle(client, 1n, result(1, 'x'.repeat(400)));
    }
    table.meet(3n, 1n, 0n, 12);
    table.settle(3n, 1n, result(1, 'x'.repeat(400)));
    expect([1n, 2n, 3n].map((client) => table.get(client) !== undefined)).toEqual([false, true, true]);
    expect(table.meet(1n, 1n, 0n, 13)).toEqual({ kind: 'refused', refusal: 'session-unknown' });
  });

  test('that do not fit at all end the session that they are of: its client is told, and nothing is applied twice', () => {
    const table = tableOf(1n);
    table.meet(1n, 1n, 0n, 2);
    table.settle(1n, 1n, result(1, 'x'.repeat(2000)));
    expect(table.meet(1n, 1n, 0n, 3)).toEqual({ kind: 'refused', refusal: 'session-unknown' });
    expect(table.register(1n, 4)).toBeUndefined();
    expect(table.meet(1n, 1n, 0n, 5)).toEqual({ kind: 'new' });
  });

  test('that are forgotten with a session leave room', () => {
    const table = tableOf(1n, 2n);
    for (let n = 0; n < 10; n++) {
      table.meet(1n, 1n, 0n, 10);
      table.settle(1n, 1n, result(1, 'x'.repeat(900)));
      table.unregister(1n);
      table.register(1n, 11);
    }
    expect(table.get(2n)).toBeDefined();
  });
});

describe('sessions', () => {
  test('are as many as dragonboat keeps; the one least recently used goes first (RecCanBeEvicted, OrderedDoIsLRUOrdered)', () => {
    const table = new SessionTable();
    for (let n = 1; n <= REMEMBERED_SESSIONS; n++) table.register(BigInt(n), n);
    table.meet(1n, 1n, 0n, 5000); // used since
    table.register(10_000n, 5001);
    expect(table.size).toBe(4096);
    expect([table.get(1n) !== undefined, table.get(2n) !== undefined]).toEqual([true, false]);
  });

  test('also those that are only asked in vain count as used', () => {
    const table = tableOf(1n, 2n, 3n);
    table.meet(1n, 1n, 1n, 9); // refused: it is answered
    table.register(4n, 10);
    expect([1n, 2n, 3n, 4n].map((client) => table.get(client) !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('looking does not count', () => {
    const table = tableOf(1n, 2n, 3n);
    table.peek(1n, 1n);
    table.get(1n);
    table.register(4n, 10);
    expect(table.get(1n)).toBeUndefined();
  });

  test('saved and loaded are the same, and forget in the same order (SavedAndRestoredWithLRUOrderPreserved, SessionSaveOrderWithEviction)', () => {
    const one = tableOf(1n, 2n, 3n);
    one.meet(1n, 5n, 2n, 7);
    one.settle(1n, 5n, result(5, 'five'));
    one.meet(1n, 4n, 2n, 8); // numbers may come in any order
    one.settle(1n, 4n, result(4, 'four'));
    const two = loaded(saved(one));
    expect(saved(two)).toEqual(saved(one));
    for (const table of [one, two]) table.register(4n, 9);
    expect([two.get(2n), two.peek(1n, 4n)]).toEqual([undefined, result(4, 'four')]);
    expect(saved(two)).toEqual(saved(one));
  });

  test('of another capacity are refused: it is part of the state (F5.6)', () => {
    const bytes = saved(tableOf(1n));
    for (const other of [
      { ...BOUNDS, sessions: 4 },
      { ...BOUNDS, resultBytes: 999 },
    ])
      expect(() => loaded(bytes, other)).toThrow(expect.objectContaining({ code: 'STATE_ENVELOPE' }));
  });

  test('that are cut off anywhere are no sessions', () => {
    const one = tableOf(1n, 2n);
    one.meet(2n, 1n, 0n, 3);
    one.settle(2n, 1n, result(1, 'one'));
    const bytes = saved(one);
    for (let length = 0; length < bytes.length; length++)
      expect(() => loaded(bytes.slice(0, length))).toThrow(
        expect.objectContaining({ code: 'STATE_ENVELOPE' }),
      );
  });
});
