/**
 * The state of an on-disk machine in SQLite: its mark and its content stand or fall together, whatever is lost and whoever opens it next.
 */
import { describe, expect, test } from '@jest/globals';
import { utf8 } from '../../base/index.ts';
import {
  contentOf,
  cutLog,
  newLog,
  operationEnds,
  takeOver,
  withTempDir,
  type PlainLog,
  type TestLog,
} from '../../recoverylog/testing/index.ts';
import { logIndex, logTerm, type DiskMark, type MarkRow } from '../types.ts';
import { SqliteState } from './sqlite-state.ts';

const PATH = 'app.db';
const SCHEMA = ['CREATE TABLE note (n INTEGER PRIMARY KEY, text TEXT, at TEXT, dice INTEGER)'];
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const never = new AbortController().signal;

function markAt(index: number, rows: readonly MarkRow[] = []): DiskMark {
  return { index: logIndex(index), term: logTerm(1), rows };
}

/** One command: a note with SQL's own time and randomness. */
function note(state: SqliteState, index: number, stampedMs: number = NOW + index * 1000): void {
  state.update(index, stampedMs, (sql) =>
    sql.run("INSERT INTO note VALUES (?, 'note', datetime('now'), random())", [index]),
  );
}

const count = (state: SqliteState): unknown =>
  state.read((sql) => sql.get('SELECT count(*) AS n FROM note')!['n']);

interface Place {
  readonly state: SqliteState;
  readonly mark: DiskMark | undefined;
  readonly fs: Awaited<ReturnType<typeof takeOver>>['fs'];
  readonly kill: () => void;
  /** Everything recorded so far is in the log. */
  readonly settled: () => Promise<void>;
}

let terms = 0;

/** What the next primary finds. */
async function primary(
  log: TestLog | PlainLog,
  root: string,
  schema: readonly string[] = SCHEMA,
): Promise<Place> {
  const term = ++terms;
  const { fs, session } = await takeOver(log, `${root}/${term}`, term);
  const state = new SqliteState({ path: PATH, schema });
  const mark = await state.open(fs);
  return {
    state,
    mark,
    fs,
    kill: () => session.abandon('it is killed'),
    settled: () => fs.barrier(),
  };
}

async function withState(use: (place: Place, log: TestLog, root: string) => Promise<void>): Promise<void> {
  await withTempDir(async (root) => {
    const log = newLog();
    const place = await primary(log, root);
    await use(place, log, root);
    await place.state.close();
  });
}

async function snapshotOf(state: SqliteState): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  await state.save(
    state.pin(),
    (chunk) => {
      chunks.push(chunk);
      return Promise.resolve();
    },
    never,
  );
  return chunks;
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

describe('a mark', () => {
  test('is not there before the first commit, and has the rows that were given since', () =>
    withState(async (first, log, root) => {
      expect(first.mark).toBeUndefined();
      const [a, b] = [utf8('a'), utf8('b')];
      first.state.commit(
        markAt(1, [
          { key: a, value: utf8('1') },
          { key: b, value: utf8('2') },
        ]),
      );
      first.state.commit(
        markAt(2, [
          { key: a, value: undefined },
          { key: b, value: utf8('3') },
        ]),
      );
      await first.settled();
      first.kill();
      const next = await primary(log, root);
      expect(next.mark).toEqual(markAt(2, [{ key: b, value: utf8('3') }]));
      await next.state.close();
    }));

  test('says exactly what the content has, wherever the log is cut (S1)', () =>
    withState(async ({ state, settled }, log, root) => {
      for (let index = 1; index <= 12; index++) {
        note(state, index);
        if (index % 4 === 0) state.commit(markAt(index, [{ key: utf8('last'), value: utf8(String(index)) }]));
      }
      await settled();
      const content = await contentOf(log);
      const marks = new Set<number>();
      for (const cut of operationEnds(content)) {
        const next = await primary(await cutLog(content, cut), root);
        const index = next.mark?.index ?? 0;
        const last = index === 0 ? [] : [{ key: utf8('last'), value: utf8(String(index)) }];
        expect({ cut, count: count(next.state), rows: next.mark?.rows ?? [] }).toEqual({
          cut,
          count: index,
          rows: last,
        });
        marks.add(index);
        await next.state.close();
      }
      expect([...marks]).toEqual([0, 4, 8, 12]);
    }));
});

describe('commands', () => {
  test('applied again from the mark give the same content, in whatever portions they are committed', () =>
    withState(async (first, log, root) => {
      for (let index = 1; index <= 20; index++) {
        note(first.state, index);
        if (index === 10) first.state.commit(markAt(10));
      }
      const hash = first.state.hash();
      await first.settled();
      first.kill();
      const next = await primary(log, root);
      expect([next.mark?.index, count(next.state)]).toEqual([10, 10]);
      for (let index = 11; index <= 20; index++) {
        note(next.state, index);
        next.state.commit(markAt(index));
      }
      expect(next.state.hash()).toBe(hash);
      expect(next.state.read((sql) => sql.get('SELECT at FROM note WHERE n = 15'))).toEqual({
        at: '2026-01-02 03:04:20',
      });
      note(next.state, 21);
      expect(next.state.hash()).not.toBe(hash);
      await next.state.close();
    }));

  test('never see time go back, also over a takeover (command-time T1)', () =>
    withState(async (first, log, root) => {
      note(first.state, 1, NOW);
      first.state.commit(markAt(1));
      await first.settled();
      first.kill();
      const next = await primary(log, root);
      note(next.state, 2, NOW - 3_600_000);
      note(next.state, 3, NOW + 1000);
      const times = next.state.read((sql) => sql.all('SELECT at FROM note ORDER BY n').map(({ at }) => at));
      expect(times).toEqual(['2026-01-02 03:04:05', '2026-01-02 03:04:05', '2026-01-02 03:04:06']);
      await next.state.close();
    }));
});

describe('a snapshot', () => {
  test('recovered elsewhere has the same content, with the mark that was asked for', () =>
    withState(async ({ state }) => {
      for (let index = 1; index <= 50; index++) note(state, index);
      state.commit(markAt(50, [{ key: utf8('old'), value: utf8('row') }]));
      const hash = state.hash();
      const pinned = await snapshotOf(state);
      note(state, 51);
      await withState(async (other, log, root) => {
        for (let index = 1; index <= 90; index++) note(other.state, index);
        other.state.commit(markAt(90));
        const mark = markAt(7, [{ key: utf8('new'), value: utf8('row') }]);
        await other.state.recover(streamOf(pinned), never, mark);
        expect([other.state.hash(), count(other.state)]).toEqual([hash, 50]);
        note(other.state, 100);
        await other.settled();
        other.kill();
        const next = await primary(log, root);
        expect(next.mark).toEqual(mark);
        expect(next.state.hash()).toBe(hash);
        await next.state.close();
      });
    }));

  test('that a crash cuts anywhere leaves the old state or the new one, whole (S3)', () =>
    withState(async ({ state }) => {
      for (let index = 1; index <= 9; index++) note(state, index);
      state.commit(markAt(9));
      const pinned = await snapshotOf(state);
      await withState(async (other, log, root) => {
        note(other.state, 1);
        other.state.commit(markAt(1));
        await other.settled();
        const start = operationEnds(await contentOf(log)).length;
        await other.state.recover(streamOf(pinned), never, markAt(70));
        await other.settled();
        const content = await contentOf(log);
        const found = new Set<string>();
        for (const cut of operationEnds(content).slice(start - 1)) {
          const next = await primary(await cutLog(content, cut), root);
          found.add(`${next.mark?.index} ${String(count(next.state))}`);
          expect(next.fs.exists(`${PATH}-restored`)).toBe(false);
          await next.state.close();
        }
        expect([...found]).toEqual(['1 1', '70 9']);
      });
    }));

  test.each<[string, (chunks: Uint8Array[]) => Uint8Array[]]>([
    ['empty', () => []],
    ['short', (chunks) => [Buffer.concat(chunks).subarray(0, -4096)]],
    ['no database', () => [utf8('something else entirely')]],
    ['damaged', (chunks) => [Buffer.concat(chunks).fill(7, 4096, 12_000)]],
  ])('that is %s is refused, and changes nothing', (_story, spoil) =>
    withState(async ({ state }) => {
      for (let index = 1; index <= 90; index++) note(state, index);
      state.commit(markAt(90));
      const spoiled = spoil(await snapshotOf(state));
      const hash = state.hash();
      await expect(state.recover(streamOf(spoiled), never, markAt(1))).rejects.toMatchObject({
        code: 'STATE_SQLITE_SNAPSHOT',
      });
      expect(state.hash()).toBe(hash);
      note(state, 91);
      expect(count(state)).toBe(91);
    }),
  );

  test('given up by its signal leaves the state as it was', () =>
    withState(async ({ state }) => {
      note(state, 1);
      state.commit(markAt(1));
      const pinned = await snapshotOf(state);
      const stopped = AbortSignal.abort(new Error('enough'));
      await expect(state.recover(streamOf(pinned), stopped, markAt(5))).rejects.toThrow('enough');
      await expect(state.save(state.pin(), () => Promise.resolve(), stopped)).rejects.toThrow('enough');
      expect(count(state)).toBe(1);
    }));
});

describe('the schema', () => {
  test('has its later steps done by the version that brings them, once', () =>
    withState(async (first, log, root) => {
      note(first.state, 1);
      first.state.commit(markAt(1));
      await first.settled();
      first.kill();
      const later = [...SCHEMA, "ALTER TABLE note ADD COLUMN mood TEXT DEFAULT 'good'"];
      for (const version of [later, later]) {
        const next = await primary(log, root, version);
        expect(next.mark?.index).toBe(1);
        expect(next.state.read((sql) => sql.get('SELECT mood FROM note'))).toEqual({ mood: 'good' });
        await next.settled();
        next.kill();
        await next.state.close();
      }
      await expect(primary(log, root)).rejects.toMatchObject({ code: 'STATE_SCHEMA_TOO_NEW' });
    }));
});

describe('the hash', () => {
  test('tells contents apart, also types, order of rows without a rowid, and blobs', () =>
    withState(async ({ state }) => {
      const seen = new Set<string>([state.hash()]);
      const statements = [
        'CREATE TABLE k (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID',
        "INSERT INTO k VALUES (1, 'x'), (1, 'y')",
        "INSERT INTO k VALUES ('1', 'x')",
        "INSERT INTO k VALUES (x'31', 'x')",
        'CREATE TABLE r (v)',
        "INSERT INTO r (rowid, v) VALUES (7, 'a')",
        "UPDATE r SET rowid = 8 WHERE v = 'a'",
        'CREATE INDEX i ON r (v)',
      ];
      for (const [at, sql] of statements.entries()) {
        state.update(at + 1, NOW, (change) => change.exec(sql));
        seen.add(state.hash());
        expect({ sql, different: seen.size }).toEqual({ sql, different: at + 2 });
      }
      const before = state.hash();
      state.commit(markAt(9, [{ key: utf8('row'), value: utf8('row') }]));
      expect(state.hash()).toBe(before); // the holder's own is none of it
    }));
});
