/**
 * A story of changes to a recorded database, and every state that a crash may leave of it.
 *
 * 1. A state is known by its dump. After a cut, the database must be in a state not older than the last step that the cut leaves whole, and not newer than
 *    the last one that it lets begin.
 */
import { existsSync, readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { contentOf, cutLog, newLog, play, takeOver, withTempDir } from '../../../testing/index.ts';
import { openSqliteCopy, RecordedSqlite, type RecordedSqliteOptions } from '../index.ts';
import { askNode, askReader, damage, dump } from './dump.ts';

export const MAIN = 'main.db';
export const SIDE = 'side.db';

/** `links`: the live files by their paths, as the log has them. */
export type Step = (db: RecordedSqlite, links: ReadonlyMap<string, number>) => Promise<unknown>;

/** What the log held when a step began and when it was acknowledged, bytes, and the state after it. */
interface Mark {
  readonly begin: number;
  readonly end: number;
  readonly state: string;
}

export interface Recording {
  readonly content: Uint8Array;
  readonly marks: readonly Mark[];
}

export async function record(
  steps: readonly Step[],
  options: RecordedSqliteOptions = {},
): Promise<Recording> {
  return await withTempDir(async (dir) => {
    const log = newLog();
    const { fs, session, recorder } = await takeOver(log, dir, 1);
    const marks: Mark[] = [{ begin: 0, end: 0, state: '' }];
    let begin = session.appendedHead;
    const db = await RecordedSqlite.open(fs, MAIN, options);
    for (const step of steps) {
      await step(db, recorder.links);
      const state = await db.read((sql) => dump(askReader(sql)));
      marks.push({ begin, end: session.head, state });
      begin = session.appendedHead;
    }
    await db.close();
    await session.close();
    return { content: await contentOf(log), marks };
  });
}

/** What comes of the first `cut` bytes: nothing to say against it, or what is wrong (1). */
export async function problemAfter({ content, marks }: Recording, cut: number): Promise<string | undefined> {
  return await withTempDir(async (dir) => {
    await play(await cutLog(content, cut), dir);
    const allowed = allowedAt(marks, cut);
    const found = await recovered(dir);
    if (found.damage.length > 0) return `damaged: ${found.damage.join('; ')}`;
    if (!allowed.includes(found.state)) return `in a state that it must not be in:\n${found.state}`;
    const other = await openedByNode(dir); // after the recovery: it must have left plain databases
    if (other.damage.length > 0) return `damaged for Node: ${other.damage.join('; ')}`;
    return other.state === found.state ? undefined : `another state for Node:\n${other.state}`;
  });
}

function allowedAt(marks: readonly Mark[], cut: number): string[] {
  const first = marks.findLastIndex(({ end }) => end <= cut);
  const last = marks.findLastIndex(({ begin }) => begin < cut);
  return marks.slice(first, Math.max(first, last) + 1).map(({ state }) => state);
}

interface Found {
  readonly damage: readonly string[];
  readonly state: string;
}

/** As the next primary finds it. */
async function recovered(dir: string): Promise<Found> {
  const db = await openSqliteCopy(dir, MAIN);
  try {
    if (existsSync(`${dir}/${SIDE}`)) db.exec(`ATTACH '${SIDE}' AS side`);
    return db.read((sql) => ({ damage: damage(askReader(sql)), state: dump(askReader(sql)) }));
  } finally {
    db.close();
  }
}

async function openedByNode(dir: string): Promise<Found> {
  const db = new DatabaseSync(`${dir}/${MAIN}`);
  try {
    if (readdirSync(dir).includes(SIDE)) db.exec(`ATTACH '${dir}/${SIDE}' AS side`);
    return { damage: damage(askNode(db)), state: dump(askNode(db)) };
  } finally {
    db.close();
  }
}
