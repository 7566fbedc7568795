/**
 * One recovery log, its primaries and its players, with real files and real time.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode, type Clock, type Random } from '../../base/index.ts';
import { openSession, type Journal, type SessionOptions } from '../../journal/index.ts';
import { lastSlots, realTimeJournal, type CalmJournal } from '../../journal/testing/index.ts';
import type { FsmHints } from '../format/hints.ts';
import { Player, type PlayerOptions, type TakenOver } from '../play/player.ts';
import { FOLLOW_MS } from '../record/local-files.ts';

export type TestLog = CalmJournal<Clock>;
/** What playing one needs. */
export interface PlainLog {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
}

export function newLog(name?: string): TestLog {
  return realTimeJournal(name);
}

/** A log that holds these bytes, whatever they are, in slots of `slotBytes`. */
export async function logHolding(bytes: Uint8Array, slotBytes = 1e6, name?: string): Promise<TestLog> {
  const log = newLog(name);
  const { clock, random } = log;
  const { cursor } = (await lastSlots(log)).reader;
  const session = await openSession(log.journal, { cursor, author: 9, term: 1, clock, random });
  for (let at = 0; at < bytes.length; at += slotBytes) {
    session.append(bytes.slice(at, at + slotBytes));
    await session.barrier();
  }
  await session.close();
  return log;
}

let authors = 1000;

/** The time of a log whose primary's disk follows when the test says so, not when FOLLOW_MS have passed. */
export function calmTime(real: Clock): { readonly clock: Clock; readonly follow: () => void } {
  const waiting = new Set<() => void>();
  const clock: Clock = {
    wallMs: () => real.wallMs(),
    monotonicMs: () => real.monotonicMs(),
    sleep: (delayMs, signal) => real.sleep(delayMs, signal),
    timer: (delayMs, fire) => {
      if (delayMs !== FOLLOW_MS) return real.timer(delayMs, fire);
      waiting.add(fire);
      return { cancel: () => waiting.delete(fire) };
    },
  };
  const follow = (): void => {
    const due = [...waiting];
    waiting.clear();
    for (const fire of due) fire();
  };
  return { clock, follow };
}

/** A directory that is removed afterwards. */
export async function withTempDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type More = Partial<PlayerOptions>;

function player(
  log: PlainLog,
  dir: string,
  hints?: FsmHints,
  expectHistory = false,
  more: More = {},
): Player {
  return new Player({
    journal: log.journal,
    hints,
    expectHistory,
    dir,
    clock: log.clock,
    random: log.random,
    ...more,
  });
}

/** Restores into `dir` and stops at the head. */
export async function play(
  log: PlainLog,
  dir: string,
  hints?: FsmHints,
  expectHistory = false,
  more: More = {},
): Promise<ReturnType<Player['finish']>> {
  const playing = player(log, dir, hints, expectHistory, more);
  playing.run().catch(() => undefined); // finish tells
  return await playing.finish();
}

/** Restores into `dir` and takes the log over. */
export async function takeOver(
  log: PlainLog,
  dir: string,
  term: number,
  hints?: FsmHints,
  { session, ...more }: More & { readonly session?: Partial<SessionOptions> } = {},
): Promise<TakenOver & { readonly player: Player }> {
  const playing = player(log, dir, hints, false, more);
  const running = playing.run();
  await Promise.race([playing.tailing, running]);
  return {
    ...(await playing.handoff({ author: authors++, term, ...(session ? { session } : {}) })),
    player: playing,
  };
}

/** Every file below `dir`: path to content. */
export async function treeOf(dir: string): Promise<Record<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const tree: Record<string, string> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    tree[path.slice(dir.length)] = await readFile(path, 'latin1');
  }
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The code of what `work` throws; undefined when it does not. */
export function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return errorCode(error);
  }
  return undefined;
}
