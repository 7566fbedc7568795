/**
 * Any history of plain, named and numbered commands: the same state, sessions, results and hash however it is batched, saved, restarted or kept in rows.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { utf8 } from '../base/index.ts';
import { AppliedState } from './applied-state.ts';
import { ClientTables } from './client-tables.ts';
import type { Outcome } from './command-steps.ts';
import { NO_FILES, noFilesOf } from './snapshot-file/no-files.ts';
import { openSnapshot, type Command } from './envelope.ts';
import { DiskList, ListMachine, RegularList } from './testing/index.ts';
import { ByteWriter } from './varint.ts';
import { logIndex, logTerm, type DiskMark, type MarkRow, type StateMachine } from './types.ts';

type ListState = AppliedState<void, unknown, readonly string[]>;
const NONE = new Uint8Array(0);
const { signal } = new AbortController();

const client = fc.constantFrom(1n, 2n, 3n);
const text = fc.constantFrom('a', 'b', 'c');
const command: fc.Arbitrary<Command> = fc.oneof(
  text.map((cmd) => ({ requestId: NONE, cmd: utf8(cmd) })),
  fc.tuple(fc.constantFrom('r1', 'r2'), text).map(([id, cmd]) => ({ requestId: utf8(id), cmd: utf8(cmd) })),
  fc
    .tuple(client, fc.bigInt(1n, 5n), fc.bigInt(0n, 3n), text)
    .map(([clientId, series, respondedTo, cmd]) => ({
      requestId: NONE,
      cmd: utf8(cmd),
      session: { kind: 'update' as const, clientId, series, respondedTo },
    })),
  fc
    .tuple(fc.constantFrom('register' as const, 'register' as const, 'unregister' as const), client)
    .map(([kind, clientId]) => ({ requestId: NONE, cmd: NONE, session: { kind, clientId } })),
);
const history = fc.array(command, { minLength: 1, maxLength: 30 });
const cuts = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 30 });

/** Applies commands in batches of these sizes, and calls `between` after each. */
async function applyAll(
  first: ListState,
  commands: readonly Command[],
  sizes: readonly number[],
  between: (state: ListState, n: number) => Promise<ListState> = (state) => Promise.resolve(state),
): Promise<{ readonly state: ListState; readonly outcomes: readonly Outcome[] }> {
  const outcomes: Outcome[] = [];
  let state = first;
  for (let at = 0, n = 0; at < commands.length; n++) {
    const batch = commands.slice(at, at + (sizes[n] ?? commands.length));
    const update = { kind: 'batch' as const, term: logTerm(1), first: logIndex(at + 1), commands: batch };
    outcomes.push(...(await state.apply(update)));
    at += batch.length;
    state = await between(state, n);
  }
  return { state, outcomes };
}

async function copyOf(
  state: ListState,
  machine: StateMachine<void, unknown, readonly string[]>,
): Promise<ListState> {
  const chunks: Uint8Array[] = [];
  const pinned = await state.pin('full');
  await pinned.save((chunk) => Promise.resolve(void chunks.push(chunk.slice())), signal, NO_FILES);
  const copy: ListState = new AppliedState(machine);
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks;
  };
  await copy.meetSnapshot(await openSnapshot(stream()), signal, noFilesOf);
  return copy;
}

test('the same commands in any batches, on any kind of machine, come to the same (Q1, U1, I7)', () =>
  fc.assert(
    fc.asyncProperty(history, cuts, async (commands, sizes) => {
      const one = await applyAll(
        new AppliedState(new ListMachine()),
        commands,
        commands.map(() => 1),
      );
      const hash = await one.state.stateHash();
      for (const machine of [new ListMachine(), new RegularList(), new DiskList()]) {
        const { state, outcomes } = await applyAll(new AppliedState(machine), commands, sizes);
        expect(outcomes).toEqual(one.outcomes);
        expect(await state.stateHash()).toBe(hash);
      }
    }),
    { numRuns: 60 },
  ));

test('a snapshot taken anywhere goes on as if nobody had looked, also from one kind to another (SavedAndRestored)', () =>
  fc.assert(
    fc.asyncProperty(history, cuts, async (commands, sizes) => {
      const one = await applyAll(new AppliedState(new ListMachine()), commands, sizes);
      const machines = [() => new RegularList(), () => new ListMachine()];
      const two = await applyAll(new AppliedState(new RegularList()), commands, sizes, (state, n) =>
        copyOf(state, machines[n % 2]!()),
      );
      expect(two.outcomes).toEqual(one.outcomes);
      expect(await two.state.stateHash()).toBe(await one.state.stateHash());
    }),
    { numRuns: 60 },
  ));

/** An on-disk machine whose disk is a variable: commits, and dies with what it has not committed. */
class Rows extends DiskList {
  mark: { index: number; list: readonly string[]; rows: Map<string, MarkRow> } | undefined;

  override commit({ index, rows }: DiskMark): Promise<void> {
    const kept = new Map(this.mark?.rows);
    for (const row of rows) {
      const key = Buffer.from(row.key).toString('hex');
      if (row.value) kept.set(key, row);
      else expect(kept.delete(key) || !this.mark?.rows.has(key)).toBe(true);
    }
    this.mark = { index, list: this.lookup(), rows: kept };
    return Promise.resolve();
  }
}

test('rows committed beside the data, at any entries, are the tables of their mark, in their order of use (M2, C5.10)', () =>
  fc.assert(
    fc.asyncProperty(history, cuts, fc.array(fc.boolean()), async (commands, sizes, commits) => {
      const machine = new Rows();
      await applyAll(new AppliedState(machine), commands, sizes, async (state, n) => {
        if (commits[n]) await state.commit();
        return state;
      });
      const { mark } = machine;
      if (!mark) return;
      const before = new ListMachine();
      const upTo = await applyAll(new AppliedState(before), commands.slice(0, mark.index), sizes);
      const tables = new ClientTables(true);
      tables.loadRows([...mark.rows.values()].reverse()); // in whatever order they come
      expect((await upTo.state.stateHash()).split('/').at(-1)).toBe(tables.hash());
      expect(mark.list).toEqual(before.lookup());
    }),
    { numRuns: 100 },
  ));

test('a snapshot of a version before sessions has requests only', () => {
  const before = new ClientTables();
  before.requests.put('r', 1, { value: 7, data: utf8('x') });
  const requestsOnly = new ByteWriter();
  before.requests.save(requestsOnly);
  const tables = new ClientTables();
  tables.load(requestsOnly.finish(), 1);
  expect(tables.hash()).toBe(before.hash());
  expect(tables.requests.peek('r')).toEqual({ value: 7, data: utf8('x') });
});

test('rows that are damaged, of another kind or of other bounds are refused', () => {
  const tables = new ClientTables(true);
  tables.sessions.register(1n, 1);
  tables.sessions.settle(1n, 1n, { value: 1, data: utf8('x') });
  tables.requests.put('r', 2, { value: 2, data: NONE });
  const rows = tables.changedRows();
  expect(rows).toHaveLength(4);
  expect(tables.changedRows()).toEqual([]);
  const refused = expect.objectContaining({ code: 'STATE_ENVELOPE' });
  for (const [n, row] of rows.entries()) {
    const value = row.value!;
    for (const wrong of [value.slice(0, -1), Uint8Array.of(...value, 0), undefined])
      expect(() => new ClientTables(true).loadRows(rows.with(n, { key: row.key, value: wrong }))).toThrow(
        refused,
      );
    const key = Uint8Array.of(0x7a, ...row.key.subarray(1));
    expect(() => new ClientTables(true).loadRows(rows.with(n, { key, value }))).toThrow(refused);
  }
});
