/**
 * One playback by the real player: on journals of ours that hold the golden bytes, into a real directory, up to the head or through a handoff.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, HoldfastError, sha256Hex } from '../../../src/base/index.ts';
import { openSession, type Session } from '../../../src/journal/index.ts';
import { lastSlots } from '../../../src/journal/testing/index.ts';
import {
  newLog,
  parseHints,
  Player,
  type Fsm,
  type FsmHints,
  type TestLog,
} from '../../../src/recoverylog/testing/index.ts';
import { stateOf, type LogState } from '../state.ts';
import { same } from '../tally.ts';
import type { Scenario } from './scenario.ts';

export interface PlayedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** Names that the file has. */
  readonly links: number;
}

export type Played =
  | {
      readonly kind: 'refused';
      readonly error: HoldfastError;
      /** Names beside the directory that it was played into. */
      readonly outside: readonly string[];
    }
  | {
      readonly kind: 'played';
      /** Ascending by path. */
      readonly files: readonly PlayedFile[];
      readonly state: LogState;
      readonly hints: FsmHints;
      /** What a handoff appended. */
      readonly appended: Uint8Array;
      readonly outside: readonly string[];
    };

export interface Asked {
  /** The journal that is played. */
  readonly log: string;
  /** A stored value; undefined: no hints. */
  readonly hints: Uint8Array | undefined;
  readonly ends: Readonly<Record<string, number>>;
  readonly handoff?:
    | {
        readonly author: number;
        /** What another writer appends when the player has come to the tail, and before it takes over. */
        readonly raced: Uint8Array;
      }
    | undefined;
}

/** Recorded by whoever had the log before. */
const OLD_AUTHOR = 9;
const APPEND_BYTES: number = 1024 * 1024;

/** A journal of ours with this content, and the session that still holds it. */
async function journalOf(name: string, content: Uint8Array): Promise<{ log: TestLog; session: Session }> {
  const log = newLog(name);
  const { reader } = await lastSlots(log);
  const { journal, clock, random } = log;
  const session = await openSession(journal, {
    cursor: reader.cursor,
    author: OLD_AUTHOR,
    term: 1,
    clock,
    random,
  });
  for (let at = 0; at < content.length; at += APPEND_BYTES)
    session.append(content.subarray(at, at + APPEND_BYTES));
  await session.barrier();
  return { log, session };
}

/** Plays as asked; an error with a type is an outcome, any other is thrown. */
export async function play(scenario: Scenario, asked: Asked): Promise<Played> {
  const logs = new Map<string, { log: TestLog; session: Session }>();
  for (const { name, content } of scenario.journals)
    logs.set(name, await journalOf(name, content.subarray(0, asked.ends[name] ?? 0)));
  const around = await mkdtemp(join(tmpdir(), 'holdfast-vectors-'));
  try {
    await mkdir(join(around, 'a', 'play'), { recursive: true });
    return await playInto(around, logs, asked, async () => [
      ...(await readdir(around)).filter((name) => name !== 'a'),
      ...(await readdir(join(around, 'a'))).filter((name) => !name.startsWith('play')),
    ]);
  } finally {
    for (const { session } of logs.values()) session.abandon('the playback is over');
    await rm(around, { recursive: true, force: true });
  }
}

type Held = ReadonlyMap<string, { log: TestLog; session: Session }>;

async function playInto(
  around: string,
  logs: Held,
  asked: Asked,
  outside: () => Promise<readonly string[]>,
): Promise<Played> {
  const dir = join(around, 'a', 'play');
  try {
    const outcome = asked.handoff
      ? await takenOver(dir, logs, asked, asked.handoff)
      : { fsm: await finished(dir, logs, asked), appended: new Uint8Array(0) };
    const { fsm, appended } = outcome;
    const hints = fsm.buildHints(asked.log, 'gazette');
    return {
      kind: 'played',
      files: await filesOf(dir),
      state: stateOf(fsm),
      hints,
      appended,
      outside: await outside(),
    };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { kind: 'refused', error, outside: await outside() };
  }
}

/** @throws HintsError */
function playerOf(dir: string, logs: Held, { log, hints: value }: Asked): Player {
  const held = logs.get(log);
  if (!held) throw new Error(`the scenario has no journal ${log}`);
  const { journal, clock, random } = held.log;
  const hints = value && parseHints(value);
  const openLog = (name: string): TestLog['journal'] => logs.get(name)!.log.journal;
  return new Player({ journal, hints, expectHistory: false, dir, clock, random, openLog });
}

async function finished(dir: string, logs: Held, asked: Asked): Promise<Fsm> {
  const player = playerOf(dir, logs, asked);
  player.run().catch(() => undefined); // finish tells
  return await player.finish();
}

/** Takes the log over, then plays what that left behind once more: the new recorder and a reader of its log must stand at the same place. */
async function takenOver(
  dir: string,
  logs: Held,
  asked: Asked,
  { author, raced }: NonNullable<Asked['handoff']>,
): Promise<{ readonly fsm: Fsm; readonly appended: Uint8Array }> {
  const player = playerOf(dir, logs, asked);
  const running = player.run();
  await Promise.race([player.tailing, running]);
  const { log, session: old } = logs.get(asked.log)!;
  const { length } = await contentOf(log);
  if (raced.length > 0) await old.append(raced, { barrier: true }).committed;
  const { recorder, session } = await player.handoff({ author, term: 2 });
  const hints = await recorder.buildHints();
  session.abandon('the playback is over');
  const fsm = await finished(`${dir}-again`, logs, asked);
  same('next operation of the new recorder', recorder.nextSeqNo, fsm.nextSeqNo);
  same('files of the new recorder', new Map(recorder.links), new Map(fsm.links));
  same('hints of the new recorder', hints, fsm.buildHints(asked.log));
  return { fsm, appended: (await contentOf(log)).subarray(length) };
}

async function contentOf(log: TestLog): Promise<Uint8Array> {
  const { events } = await lastSlots(log);
  return concatBytes(events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])));
}

async function filesOf(dir: string): Promise<PlayedFile[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files: PlayedFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const [content, { nlink }] = await Promise.all([readFile(path), stat(path)]);
    files.push({
      path: path.slice(dir.length),
      size: content.length,
      sha256: sha256Hex(content),
      links: nlink,
    });
  }
  return inOrder(files);
}

/** Ascending by the bytes of the path. */
export function inOrder<T extends { readonly path: string }>(files: readonly T[]): T[] {
  return [...files].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}
