/**
 * The SQLite engine in a recorded directory: whatever the log ends with, what is opened is a commit, all of it, with its log position and its rows.
 */
import { describe, expect, test } from '@jest/globals';
import { RecordedSqlite, type RecordedFs } from '../../../recoverylog/index.ts';
import {
  contentOf,
  cutLog,
  newLog,
  operationEnds,
  takeOver,
  withTempDir,
} from '../../../recoverylog/testing/index.ts';
import { utf8 } from '../../../base/index.ts';
import { logIndex, logTerm, type DiskMark } from '../../../statemachine/index.ts';
import { encodeCommand, type AnyCommand } from '../../command.ts';
import { MemoryEngine } from '../memory-engine.ts';
import { chunksOf, snapshotOf } from '../testing/driver.ts';
import { cas, del, pair, put } from '../testing/world.ts';
import { recordedDatabase, type SqlDatabase } from './database.ts';
import { SqliteEngine } from './sqlite-engine.ts';

/** So few that a commit of a few pairs goes by way of folds, in several transactions. */
const SMALL = { rows: 3, bytes: 300 };
const never = new AbortController().signal;

async function small(fs: RecordedFs): Promise<SqlDatabase> {
  return { ...recordedDatabase(await RecordedSqlite.open(fs, 'kv.db', { pageBytes: 512 })), limits: SMALL };
}

interface Committed {
  readonly hash: string;
  readonly mark: DiskMark;
}

/** One life of an engine, and what it was at every commit, by log index. */
class Life {
  readonly engine: SqliteEngine = new SqliteEngine({ database: small });
  readonly commits = new Map<number, Committed>();
  readonly #rows = new Map<string, Uint8Array>();
  #index = 1;

  apply(...commands: readonly AnyCommand[]): void {
    this.engine.update(
      commands.map((command) => ({
        index: logIndex(++this.#index),
        cmd: encodeCommand(command, this.#index),
      })),
    );
  }

  /** What a commit is going to be; whoever opens a log that was cut may find it. */
  mark(changed: Record<string, string | undefined> = {}): DiskMark {
    const rows = Object.entries(changed).map(([key, value]) => ({
      key: utf8(key),
      value: value === undefined ? undefined : utf8(value),
    }));
    for (const { key, value } of rows) {
      const name = Buffer.from(key).toString();
      if (value) this.#rows.set(name, value);
      else this.#rows.delete(name);
    }
    return { index: logIndex(this.#index), term: logTerm(3), rows };
  }

  note(mark: DiskMark, hash: string): void {
    const rows = [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key: utf8(key), value }));
    this.commits.set(mark.index, { hash, mark: { ...mark, rows } });
  }

  async commit(changed?: Record<string, string | undefined>): Promise<void> {
    const mark = this.mark(changed);
    this.note(mark, this.engine.stateHash());
    await this.engine.commit(mark);
  }
}

describe('the SQLite engine in a recorded directory', () => {
  test('a log that is cut behind any operation leaves a commit as it was made, folds, replacements and loads included (E1, V2, W1)', async () => {
    await withTempDir(async (root) => {
      const log = newLog();
      const { fs, session, recorder } = await takeOver(log, `${root}/first`, 1);
      const life = new Life();
      const { engine } = life;
      expect(await engine.open(fs)).toBeUndefined();
      await recorder.barrier();
      const born = (await contentOf(log)).length;
      life.apply(put(['a', '1'], ['b', '2', 999]));
      await life.commit({ session: 'one' });
      life.apply(
        ...Array.from({ length: 12 }, (_, i) => put([`k${i}`, `value ${i}`])),
        del('a'),
        cas('b', '2', '3'),
      );
      await life.commit({ session: 'two', other: 'x' });
      const id = utf8('id');
      life.apply(
        { kind: 'begin-replace', id },
        { kind: 'replace-part', id, part: 0, pairs: [pair('n1', ''), pair('n2', 'x')] },
      );
      await life.commit();
      life.apply({ kind: 'commit-replace', id, pairs: 2 }, put(['after', '']));
      await life.commit({ other: undefined });
      const other = new MemoryEngine();
      other.update(
        Array.from({ length: 9 }, (_, i) => ({
          index: logIndex(100 + i),
          cmd: encodeCommand(put([`s${i}`, 'snapshot', 300 + i]), 1),
        })),
      );
      const loaded = {
        index: logIndex(200),
        term: logTerm(4),
        rows: [{ key: utf8('session'), value: utf8('of the snapshot') }],
      };
      life.commits.set(200, { hash: other.stateHash(), mark: loaded });
      await engine.recoverFromSnapshot(chunksOf(await snapshotOf(other)), never, loaded);
      expect(engine.stateHash()).toBe(other.stateHash());
      for (const cmd of [put(['s0', 'later']), del('s3')])
        engine.update([{ index: logIndex(cmd.kind === 'put' ? 201 : 202), cmd: encodeCommand(cmd, 9) }]);
      life.commits.set(202, { hash: engine.stateHash(), mark: { ...loaded, index: logIndex(202) } });
      await engine.commit({ index: logIndex(202), term: logTerm(4), rows: [] });
      await engine.close();
      await session.close();

      const content = await contentOf(log);
      const cuts = operationEnds(content).filter((end) => end >= born);
      expect(cuts.length).toBeGreaterThan(50);
      const found = new Set<number>();
      for (const cut of cuts) {
        const next = await takeOver(await cutLog(content, cut), `${root}/${cut}`, 2);
        const reopened = new SqliteEngine({ database: small });
        const mark = await reopened.open(next.fs);
        found.add(mark?.index ?? 0);
        const expected = life.commits.get(mark?.index ?? 0);
        expect({ cut, mark }).toEqual({ cut, mark: expected?.mark });
        if (expected) expect(reopened.stateHash()).toBe(expected.hash);
        await reopened.close();
        await next.session.close();
      }
      expect([...found].sort((a, b) => a - b)).toEqual([0, ...life.commits.keys()].sort((a, b) => a - b));
    });
  }, 120_000);
});
